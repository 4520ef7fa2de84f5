"""What runs studies: submission, Ray jobs, the reconciler, and who sends to MLflow what a driver left."""
