"""Tables as text."""


def columns(names: list[str], rows: list[list[str]], *, left: int) -> str:
    """Columns as wide as their widest cell; the first `left` are aligned to the left, numbers to the
    right.
    """
    widths = [max(len(row[i]) for row in [names, *rows]) for i in range(len(names))]

    def line(cells: list[str]) -> str:
        aligned = (
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(aligned).rstrip()

    return "\n".join(line(cells) for cells in [names, *rows])
