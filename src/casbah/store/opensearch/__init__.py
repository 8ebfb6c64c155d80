"""The store on an OpenSearch cluster."""
