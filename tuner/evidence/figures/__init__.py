"""The figures of a study. `study_figures` says which a study has data for; `drawing` draws arrays and knows
no study.
"""
