"""Reading a study, never running one: statistics and verdict, figures, report."""
