"""What a user asks for: the study's spec, what it searches, what follows from it, and what is said where it
is wrong.
"""
