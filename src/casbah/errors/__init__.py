"""Every error that Casbah raises on purpose, by who can do something about it. All are imported from here.

CasbahError           root.py
  RequestError        request.py: the caller
  UnavailableError    unavailable.py: the caller, by trying again later
  OperatorError       operator.py: the operator
"""

from casbah.errors.operator import *
from casbah.errors.request import *
from casbah.errors.root import *
from casbah.errors.unavailable import *
from casbah.errors.wording import *
