"""Who is measured, in the order of the report."""

from bench.peers.casbah import Casbah
from bench.peers.contract import Peer
from bench.peers.duck import Duck
from bench.peers.opensearch import OpenSearch
from bench.peers.postgresql import PostgreSQL

PEERS: dict[str, type[Peer]] = {each.name: each for each in (Casbah, PostgreSQL, Duck, OpenSearch)}
