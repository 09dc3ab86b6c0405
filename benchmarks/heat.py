"""One scenario with one number of threads: all who take part, in turns, and who was faster."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from edgefer.benchmarks.checks import (
    Answers,
    Cached,
    Floats,
    answer_all,
    check_answers,
    check_cache,
)
from edgefer.benchmarks.clock import Clock
from edgefer.benchmarks.difference import Difference, Verdict, paired
from edgefer.benchmarks.energy_run import at_rest, run_alone
from edgefer.benchmarks.entries import Entry
from edgefer.benchmarks.histogram import make_histogram, percentile
from edgefer.benchmarks.latency import medians
from edgefer.benchmarks.plan import Plan
from edgefer.benchmarks.questions import Questions, ask_faces, pace_of
from edgefer.benchmarks.samples import Provider, Reading, no_data
from edgefer.benchmarks.scenarios import BackToBack, Scenario, faces_a_query
from edgefer.benchmarks.stages import stage_times
from edgefer.benchmarks.telemetry_energy import Energy
from edgefer.benchmarks.turns import QUICK, THREADED, Contender, Reference, take_turns
from edgefer.benchmarks.watch import Watch
from edgefer.progress import Progress
from edgefer.runtime.backend import MOST_FACES
from edgefer.runtime.recognizer import Recognizer

# Where nothing can be said after the time that was asked for, it goes on for as much again, so
# often; our choice.
_EXTENSIONS = 2


@dataclass
class Measured:
    """One who took part: `difference` is from the first, None for the first itself.

    `cached` is None for frames: one may have more faces than another, or be the only one.
    """

    entry: Entry
    contender: Contender
    questions: Questions | None
    expected: list[Floats]
    cached: Cached | None
    recognizer: Recognizer | None = None
    difference: Difference | None = None
    answers: Answers | None = None
    agreement: float | None = None
    stages: dict[str, float] = field(default_factory=dict)
    energy: Reading[Energy] = no_data("not asked for")

    @cached_property
    def p99(self) -> float | None:
        """In milliseconds: what the others' ratios are of, computed once for all of them."""
        turns = self.contender.turns
        histogram = make_histogram([latency for turn in turns for latency in turn.latencies])
        return percentile(histogram, 99)


class Heat:
    """A scenario, ready to run."""

    def __init__(
        self, plan: Plan, scenario: Scenario, threads: int, clock: Clock, reference: Reference
    ) -> None:
        self.plan, self.scenario, self.threads = plan, scenario, threads
        self.batch = faces_a_query(scenario, plan.batch, plan.streams)
        self._clock, self._reference = clock, reference
        self._rhythm = QUICK if threads == 1 else THREADED

    def run(
        self, entries: Sequence[Entry], provider: Provider, watch: Watch, progress: Progress
    ) -> list[Measured]:
        """Warm up, check, take turns, compare, and measure the energy of each alone."""
        with ExitStack() as stack:
            measured = [self._enter(entry, stack) for entry in entries if self._takes_part(entry)]
            self._set_pace(measured)
            self._take_turns(measured, watch, progress)
            for one in measured:
                self._look_back(one, measured[0])
            self._measure_energy(measured, provider, watch, progress)
        return measured

    def _takes_part(self, entry: Entry) -> bool:
        """Faces are found by the runtime: a peer has no say in that."""
        return self.scenario is not Scenario.END_TO_END or entry.session is not None

    def _enter(self, entry: Entry, stack: ExitStack) -> Measured:
        pace = BackToBack(min(self._rhythm.seconds, self.plan.length.seconds))
        if self.scenario is Scenario.END_TO_END:
            assert entry.session is not None
            recognizer = Recognizer(entry.session, detector=self.plan.detector)
            contender = Contender(stack.enter_context(recognizer), self.plan.frames, pace)
            contender.warm(self._clock)
            return Measured(entry, contender, None, [], None, recognizer)
        questions = ask_faces(self.plan, entry.size, entry.labels, self.batch)
        contender = Contender(entry.run, questions.queries, pace, self.batch)
        if not entry.labelled:
            contender.kept = deque(maxlen=0)  # nobody looks, and they may be of any size
        contender.warm(self._clock)
        expected = answer_all(entry.run, questions.queries) if entry.labelled else []
        cached = check_cache(contender, self._clock)
        return Measured(entry, contender, questions, expected, cached)

    def _set_pace(self, measured: Iterable[Measured]) -> None:
        contenders = [one.contender for one in measured]

        def slowest() -> float:
            return max(contender.typical(self._clock) for contender in contenders) / 1e9

        pace = pace_of(self.plan, self.scenario, self._rhythm.seconds, slowest)
        for contender in contenders:
            contender.pace = pace

    @property
    def _is_paced(self) -> bool:
        return self.scenario in (Scenario.CAMERA, Scenario.SERVER)

    def _take_turns(self, measured: Sequence[Measured], watch: Watch, progress: Progress) -> None:
        """Twice as long, or three times, where nothing can be said of who is faster."""
        contenders = [one.contender for one in measured]
        length = self.plan.length
        phase = f"{self.scenario}, threads: {self.threads}"
        for extension in range(1 + _EXTENSIONS):
            take_turns(
                contenders,
                replace(length, seconds=length.seconds * (1 + extension)),
                self._rhythm,
                clock=self._clock,
                reference=self._reference,
                between=watch,
                progress=lambda _, *steps: progress(phase, *steps),
            )
            first = medians(contenders[0].turns)
            for one in measured[1:]:
                one.difference = paired(medians(one.contender.turns), first)
            found = [one.difference.verdict for one in measured if one.difference is not None]
            if self._is_paced or Verdict.INCONCLUSIVE not in found:
                break

    def _look_back(self, one: Measured, first: Measured) -> None:
        if one.expected and one.questions is not None:
            one.answers = check_answers(one.contender, one.expected, one.questions.classes)
            one.agreement = agreement(one, first)
        # the stages are those of one call of the backend
        if one.entry.session is not None and self.batch <= MOST_FACES:
            one.stages = stage_times(one.entry.session, one.contender.queries, one.recognizer)

    def _measure_energy(
        self, measured: Sequence[Measured], provider: Provider, watch: Watch, progress: Progress
    ) -> None:
        idle = at_rest(provider)
        for number, one in enumerate(measured):
            if idle.value is None:
                one.energy = no_data(idle.reason)
                continue
            watch.samples += idle.value if not number else ()
            seconds = self.plan.length.seconds
            one.energy, samples = run_alone(
                one.contender, provider, idle.value, seconds, self._clock
            )
            watch.samples += samples
            progress(f"energy, {self.scenario}", number + 1, len(measured))


def agreement(one: Measured, first: Measured) -> float | None:
    """The share of faces with the same winner as the first's, where both have the same labels."""
    if not first.expected or one.entry.labels != first.entry.labels:
        return None
    winners = [np.concatenate(each.expected).argmax(axis=1) for each in (one, first)]
    return float(np.mean(winners[0] == winners[1]))
