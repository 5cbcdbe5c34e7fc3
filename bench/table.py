"""Rows of figures, and how they are printed: aligned text, or JSON."""

from dataclasses import asdict, dataclass


@dataclass
class Row:
    scenario: str
    what: str
    figure: float
    unit: str
    floor: float | None = None  # measured in the same run, in the same unit unless named otherwise
    floor_name: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def ratio(self):
        return self.figure / self.floor if self.floor else None

    def is_met(self):
        """None where there is no target."""
        if self.at_least is not None:
            return self.figure >= self.at_least
        if self.at_most is not None:
            return self.figure <= self.at_most
        return None

    def target(self):
        if self.is_met() is None:
            return ""
        bound = f"≥ {number(self.at_least)}" if self.at_least is not None else f"≤ {number(self.at_most)}"
        return f"{bound}  {'met' if self.is_met() else 'missed'}"

    def as_json(self):
        return {**asdict(self), "ratio": self.ratio(), "is_met": self.is_met()}


def number(value):
    """Three figures are enough, and none is invented."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cells(row, with_targets):
    floor = f"{number(row.floor)} {row.floor_name}" if row.floor is not None else ""
    ratio = number(row.ratio()) if row.ratio() is not None else ""
    return [row.scenario, row.what, f"{number(row.figure)} {row.unit}", floor, ratio, row.target() if with_targets else ""]


def as_text(rows, with_targets=True):
    head = ["scenario", "what", "figure", "floor", "ratio", "target" if with_targets else ""]
    lines = [head, *(cells(row, with_targets) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
