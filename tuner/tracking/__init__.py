"""MLflow as a view of the ledger: what is sent there, where it is found, and a server of our own."""
