"""The database of studies, trials and measurements, which is the one truth about them. The only package with
SQL.
"""
