"""The whole stack on one machine: Ray, MLflow and the service as processes that end together."""
