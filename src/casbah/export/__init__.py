"""Everything that a query finds as a file: which columns it has, in which forms, and how it comes to be."""
