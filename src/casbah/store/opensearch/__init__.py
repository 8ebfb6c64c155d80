"""The store on a cluster of OpenSearch."""
