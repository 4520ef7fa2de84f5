"""What the tasks that come with the package declare, a file for each; free of torch."""
