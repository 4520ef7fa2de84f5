"""The sentences by which a verdict gives its reason: what was measured, and what follows from it."""

from dataclasses import dataclass
from enum import StrEnum

from tuner.evidence.levels import Interval, Levels
from tuner.evidence.paired_gain import PairedGain
from tuner.evidence.power import MOST_SEEDS

SEEN = "with a probability of 80 %"  # follows a gain that some seeds would show


class Missing(StrEnum):
    """Why there is nothing to judge."""

    QUEUED = "the study has not been started yet"
    RUNNING = "the study is still running: what it selects, and on which seeds, is not known yet"
    CONFIRMING = "the selected trials are still being trained on fresh seeds"
    STOPPED = "the study was interrupted while the selected trials were trained on fresh seeds"
    CANCELLED = "the study was cancelled before the selected trials were trained on fresh seeds"
    FAILED = "the study failed before the selected trials were trained on fresh seeds"
    INTERRUPTED = "the study was interrupted before the selected trials were trained on fresh seeds"
    NO_CONFIRMATION = (
        "the study has no confirmation: a gain on the seeds that selected the trials is flattered by the "
        "selection; set confirm_seeds to measure it on fresh ones"
    )
    ALL_STOPPED = "every trial was stopped before the end of its training"
    ALL_DIVERGED = "every trial diverged on some seed"
    ALL_FAILED = "every trial failed, for the reason that it gives"
    NO_PAIR_WITH_NOISE = (
        "no pair with noise was tried: give tau_f a value above 0, and one that tau_b has too, which lies on "
        "the diagonal"
    )
    NEITHER = "no trial, on or off the diagonal, has an objective on every seed of the search"


@dataclass(frozen=True)
class Names:
    """How a sentence speaks of the two methods and their seeds."""

    method: str = "the best trial off the diagonal"
    rival: str = "the best trial on the diagonal"
    seeds: str = "fresh seeds"


@dataclass(frozen=True)
class Sentences:
    """The sentences about one comparison."""

    gain: PairedGain
    names: Names
    margin: float | None  # in units of the objective; None where no gain is too small to matter

    def size(self, interval: Interval, levels: Levels) -> str:
        """The gain and its interval."""
        low, high = interval
        measured = self.gain.measured
        mean = measured.mean if measured else 0.0
        held = f", {levels.holds}" if levels.holds else ""
        some = ", some of them added afterwards" if levels.added_later else ""
        of = " of the always-valid mixture t" if levels.added_later else ""
        return (
            f"a gain of {mean:.4g} over {self.gain.seeds} {self.names.seeds}{some} "
            f"(95 % interval{of}{held}: {low:.4g} to {high:.4g})"
        )

    def directional(self, size: str, *, better: bool, relevant: bool | None) -> str:
        """A gain or a loss is shown; `relevant` says whether by more than the margin."""
        winner = self.names.method if better else self.names.rival
        beyond = {
            None: "",
            True: f", by more than the margin of {self.margin:.4g}" if self.margin else "",
            False: f"; that it is by more than the margin of {self.margin:.4g} is not shown"
            if self.margin
            else "",
        }[relevant]
        return f"{size} excludes 0: {winner} is better{beyond}"

    def within_margin(self, size: str, interval: Interval | None, *, shown: bool) -> str:
        """The gain is shown to be too small to matter; `shown` says whether it is also shown not to be 0."""
        low, high = interval or (0.0, 0.0)
        though = ", though it excludes 0" if shown else ""
        return (
            f"{size}{though}: the interval of the two one-sided tests, {low:.4g} to {high:.4g}, lies within "
            f"the margin of {self.margin:.4g}"
        )

    def mixed_median(self, size: str) -> str:
        """Mean and median disagree."""
        median = self.gain.median or 0.0
        better, other = self._sides(self.gain.measured is not None and self.gain.measured.mean > 0)
        typical = "neither is better" if median == 0 else f"{other} is better"
        return f"{size} excludes 0: on average {better} is better; typically (median {median:.4g}) {typical}"

    def mixed_wins(self, size: str, p: float) -> str:
        """The wins are significant, and the mean has the opposite sign."""
        w = self.gain.wins
        winner, _ = self._sides(w.wins > w.losses)
        return (
            f"{size} includes 0, but {winner} wins {max(w.wins, w.losses)} of {w.seeds} seeds "
            f"(p = {p:.2g}): typically better, worse on average"
        )

    def undecided(self, size: str, detectable: float | None, seeds: int | None) -> str:
        """Nothing is shown. `detectable` is the gain that these seeds would have shown, `seeds` how many
        would show a gain of the margin.
        """
        parts = [f"{size} includes 0"]
        if self.margin:
            parts[0] += f" and reaches beyond the margin of {self.margin:.4g}"
        if detectable is not None:
            parts.append(f"these seeds would have shown a gain of {detectable:.4g} {SEEN}")
            if self.margin:
                takes = f"about {seeds}" if seeds is not None else f"more than {MOST_SEEDS:,}"
                parts.append(f"a gain of the margin takes {takes} seeds")
        return "; ".join(parts)

    def wins(self, p: float, levels: Levels, *, enough: int | None = None) -> str:
        """The wins, with the reason why they decide instead of the mean.

        `enough` is given where they decide nothing: the smallest number of seeds at which they could.
        """
        w = self.gain.wins
        ties = f", {w.ties} equal" if w.ties else ""
        test = "always-valid mixture sign test" if levels.added_later else "exact sign test"
        decides = f" at the level of {levels.level:.2g}" if levels.look and levels.level < 0.05 else ""
        text = (
            f"{self._why_wins()}: {self.names.method} wins {w.wins} of {w.seeds} {self.names.seeds} and "
            f"loses {w.losses}{ties} ({test}, p = {p:.2g})"
        )
        if enough is None:
            return text
        least = f"; it takes {enough} seeds, all of them won" if w.seeds < enough else ""
        return f"{text}, which decides nothing{decides}{least}"

    def nothing_but_ties(self) -> str:
        """No seed has a winner."""
        if self.gain.diverged == self.gain.seeds:
            return f"both {self.names.method} and {self.names.rival} diverged on every seed"
        return f"on each of {self.gain.seeds} seeds both diverged or both are equal"

    def same(self) -> str:
        """The two methods do not differ on any seed."""
        return f"the two differ by no more than rounding on each of {self.gain.seeds} {self.names.seeds}"

    def same_difference(self) -> str:
        """The two methods differ by the same amount on every seed, which is within the margin."""
        return (
            f"the gain is {self.gain.median or 0.0:.4g} on each of {self.gain.seeds} {self.names.seeds}, "
            f"within the margin of {self.margin:.4g}"
        )

    def waits(self, look: int) -> str:
        """The number of seeds is between two looks."""
        return f"{self.gain.seeds} {self.names.seeds} are trained, and the next look is at {look}"

    def may_collapse(self, seeds: int) -> str:
        """There are too few seeds for a rare collapse to have shown."""
        return (
            f"trainings of this task collapse now and then, which {self.gain.seeds} seeds may not show: "
            f"nothing is decided below {seeds}"
        )

    def too_few(self, seeds: int) -> str:
        """There are too few seeds for a test."""
        trained = "1 seed decides" if self.gain.seeds == 1 else f"{self.gain.seeds} seeds decide"
        return f"{trained} nothing: a test takes {seeds} or more"

    def no_interval(self, levels: Levels) -> str:
        """Seeds were added, and there are still too few for an always-valid interval."""
        return (
            f"{self.gain.seeds} {self.names.seeds}, some of them added afterwards, are too few for an "
            f"interval that holds {levels.holds}"
        )

    def no_seeds(self) -> str:
        """The two methods have no seed in common."""
        return f"{self.names.method} and {self.names.rival} have no seed in common"

    def _sides(self, method_first: bool) -> tuple[str, str]:
        pair = self.names.method, self.names.rival
        return pair if method_first else (pair[1], pair[0])

    def _why_wins(self) -> str:
        """Why the wins decide and not the mean: a divergence, or no spread."""
        n = self.gain.seeds
        gone = [
            f"{name} diverged on {'all' if count == n else f'{count} of'} {n} seeds"
            for name, count in (
                (self.names.method, self.gain.diverged),
                (self.names.rival, self.gain.rival_diverged),
            )
            if count
        ]
        same = (
            f"the gain is {self.gain.median or 0.0:.4g} on every seed, so that there is no spread to test by"
        )
        return " and ".join(gone) if gone else same
