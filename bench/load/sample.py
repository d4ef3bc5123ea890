"""What bench/load/events has measured of an event, and its row of the table."""

import dataclasses
from statistics import median

TABLE_HEAD = ("| p99.9, us | without | meanwhile (least-most) | ratio | it takes, s | "
              "longest turn, CPU us: without | meanwhile |\n"
              "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")


@dataclasses.dataclass
class Sample:
    """p99.9 of each piece without the event and during it, of all rounds; the rest a round."""

    without_us: list = dataclasses.field(default_factory=list)
    during_us: list = dataclasses.field(default_factory=list)
    seconds: list = dataclasses.field(default_factory=list)
    turns_without_us: list = dataclasses.field(default_factory=list)
    turns_us: list = dataclasses.field(default_factory=list)

    def add(self, without, during, turns_us):
        """Slices and their windows, as in Measurement.note(). Gives back what is new."""
        without_us, during_us = (slices.p999_us(windows) for slices, windows in (without, during))
        self.without_us += without_us
        self.during_us += during_us
        self.seconds.append(sum(end - begin for begin, end in during[1]))
        self.turns_without_us.append(turns_us[0])
        self.turns_us.append(turns_us[1])
        return (f"without {[round(us) for us in without_us]}, "
                f"meanwhile {[round(us) for us in during_us]}")

    def row(self, name):
        if not self.without_us or not self.during_us:
            return f"| {name} | | not measured | | | | |"
        without_us, during_us = median(self.without_us), median(self.during_us)
        return (f"| {name} | {without_us:,.0f} | {during_us:,.0f} "
                f"({min(self.during_us):,.0f}-{max(self.during_us):,.0f}) | "
                f"**{during_us / without_us:.2f}** | {median(self.seconds):.1f} | "
                f"{median(self.turns_without_us):,.0f} | {median(self.turns_us):,.0f} |")
