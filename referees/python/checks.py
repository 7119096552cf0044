"""What a referee prints: one line per check, and how many passed."""

import traceback


class Checks:
    """Counts and prints; a failed check does not stop the others."""

    def __init__(self, title):
        self.title, self.passed, self.failed = title, 0, 0

    def that(self, what, holds, saw=None):
        self.passed, self.failed = self.passed + bool(holds), self.failed + (not holds)
        print(f"{'ok' if holds else 'FAILED':<7}{self.title}: {what}" + ("" if holds else f" (saw {saw!r})"))
        return bool(holds)

    def same(self, what, saw, expected):
        return self.that(f"{what} is {expected}", saw == expected, saw)

    def part(self, what, judge):
        """Runs a part of the referee; the others go on without it."""
        try:
            judge()
        except Exception:  # a check that could not even be made is a failed check
            traceback.print_exc()
            self.that(f"{what} gets to the end", False, "an exception")

    def run(self, judge):
        """Runs the referee to its end and prints the sum; returns the exit status."""
        self.part("the referee", lambda: judge(self))
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0
