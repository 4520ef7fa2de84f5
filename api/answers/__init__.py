"""What answers are made of: views of the ledger's rows, figures, events, metrics; kept, and limited."""
