"""What runs studies: the submitted spec, Ray's jobs and dashboard, the reconciler, and threads that notify,
send to MLflow what a driver left, and ask whether all parts answer.
"""
