"""What holds for every request, whatever its route: who sends it, what its body may be, how it is refused."""
