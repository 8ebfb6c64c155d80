"""Who is measured, in the order of the report."""

from tools.bench.peers.casbah import Casbah
from tools.bench.peers.clickhouse import ClickHouse
from tools.bench.peers.contract import Peer
from tools.bench.peers.duck import Duck
from tools.bench.peers.opensearch import OpenSearch
from tools.bench.peers.postgresql import PostgreSQL
from tools.bench.peers.victorialogs import VictoriaLogs

PEERS: dict[str, type[Peer]] = {
    each.name: each for each in (Casbah, PostgreSQL, Duck, ClickHouse, OpenSearch, VictoriaLogs)
}
