# SPDX-License-Identifier: Apache-2.0
"""What a campaign measured: one summary a series, and the machine."""
import json

# The ways of shmchan; everything else is a peer.
OURS = ("shmchan", "spin", "sleep", "batch", "gather", "view", "hand-off", "stream")


class Results:
    def __init__(self, machine, series):
        self.machine = machine
        self.series = series

    def select(self, row, size=64):
        """The series of a row of the campaign that have something to show, at one size."""
        return [one for one in self.series
                if one["row"] == row and one["size"] == size and one["messages_per_second"]["runs"] > 0]

    def conditions(self):
        """One line about the machine, which says so if it was not this campaign's alone."""
        m = self.machine
        line = f"{m['processors']} processors, {m['processor']}, Linux {m['kernel']}, {m['date']}"
        if m["others"] >= 0.05:
            line += f"; BUSY MACHINE: others took {m['others'] * 100:.0f} % of it"
        return line


def median(one, figure):
    return one[figure]["median"]


def is_ours(one):
    return one["transport"] in OURS


def between_processes(one):
    return not one["in_process"]


def load(directory):
    """The JSON files that bench/run wrote, without the single runs."""
    series = []
    for path in sorted(directory.glob("*.json")):
        if path.name == "machine.json":
            continue
        for one in json.loads(path.read_text())["series"]:
            del one["runs"]
            series.append({"row": path.stem} | one)
    return Results(json.loads((directory / "machine.json").read_text()), series)


def save(measured, path):
    """The summaries in one file, a line each."""
    lines = ",\n".join("  " + json.dumps(one) for one in measured.series)
    path.write_text(f'{{"machine": {json.dumps(measured.machine)},\n "series": [\n{lines}\n]}}\n')
