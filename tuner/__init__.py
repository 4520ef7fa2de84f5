"""The search: studies of temperatures, run on Ray, kept in the ledger, shown in MLflow, judged by the
evidence.
"""
