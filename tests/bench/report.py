# SPDX-License-Identifier: Apache-2.0
"""The table of a campaign whose figures are known."""
import json
import pathlib
import shutil
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bench/report"))
import plots
import results
import table

MACHINE = {"processor": "abacus", "processors": 2, "kernel": "1.0", "date": "2000-01-01", "minutes": 3}


def series(transport, rate, runs=3, **more):
    figure = {"median": rate, "min": rate * 0.9, "max": rate * 1.1, "runs": runs}
    return {"mode": "throughput", "transport": transport, "waits": "sleeping", "in_process": False, "batch": 1,
            "size": 64, "senders": 1, "receivers": 1, "pinned": True, "canary_ns": 100, "disturbed": 0,
            "messages_per_second": figure, "cpu_ns_per_message": figure | {"median": 100.0},
            "voluntary_switches_per_message": figure, "runs": []} | more


def campaign(*measured, row="one", others=0.0):
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        (directory / "machine.json").write_text(json.dumps(MACHINE | {"others": others}))
        (directory / f"{row}.json").write_text(json.dumps({"version": "0", "series": measured}))
        return results.load(directory)


def line_of(measured, name):
    return next(line for line in table.write(measured).splitlines() if line.startswith(f"| {name} |"))


class Table(unittest.TestCase):
    def test_target_reached(self):
        crossbeam = series("crossbeam", 8e6, in_process=True)
        line = line_of(campaign(series("shmchan", 9e6), series("boost", 2e6), crossbeam), "64 B")
        self.assertIn("9 M/s (8.1 M/s to 9.9 M/s; 3) | crossbeam: 8 M/s | 1.12", line)
        self.assertIn("3 x boost: yes, 4.50; 1 x crossbeam: yes, 1.12", line)

    def test_target_missed_is_said(self):
        line = line_of(campaign(series("shmchan", 5e6), series("boost", 2e6)), "64 B")
        self.assertIn("3 x boost: **no**, 2.50", line)

    def test_peer_without_runs_is_not_measured(self):
        boost = series("boost", 0, runs=0)
        line = line_of(campaign(series("shmchan", 5e6), boost, series("pipe", 1e6)), "64 B")
        self.assertIn("3 x boost: not measured", line)
        self.assertIn("pipe: 1 M/s | 5.00", line)

    def test_own_ways_are_no_peers(self):
        line = line_of(campaign(series("shmchan", 5e6), series("view", 7e6), series("pipe", 1e6)), "64 B")
        self.assertIn("pipe: 1 M/s", line)

    def test_nothing_measured(self):
        self.assertIn("not measured", line_of(campaign(series("pipe", 1e6)), "64 B"))

    def test_many_processes_are_compared_with_other_processes(self):
        many = [series("shmchan", 5e6), series("boost", 2e6), series("crossbeam", 9e6, in_process=True)]
        line = line_of(campaign(*many, row="many-2x1"), "64 B, 2 to 1")
        self.assertIn("boost: 2 M/s | 2.50 | 2 x the best: yes, 2.50; 1 x crossbeam: **no**, 0.56", line)

    def test_shorter_trips_are_better(self):
        def trip(transport, ns):
            return series(transport, 1e6, trip_p50_ns={"median": ns, "min": ns, "max": ns, "runs": 3})
        trips = campaign(trip("sleep", 50e3), trip("pipe", 60e3), trip("mq", 90e3), row="trips")
        line = line_of(trips, "round trip, sleeping")
        self.assertIn("50 us (50 us to 50 us; 3) | pipe: 60 us | 1.20 | 1 x pipe: yes, 1.20", line)

    def test_busy_machine_is_said(self):
        self.assertIn("BUSY MACHINE: others took 40 %", table.write(campaign(series("pipe", 1), others=0.4)))
        self.assertNotIn("BUSY", table.write(campaign(series("pipe", 1))))

    def test_publishing_replaces_the_table_only(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "page.md")
            path.write_text("before\n" + table.BEGIN + "old\n" + table.END + "after\n")
            table.publish("new\n", path)
            self.assertEqual(path.read_text(), "before\n" + table.BEGIN + "new\n" + table.END + "after\n")


@unittest.skipUnless(shutil.which("gnuplot"), "no gnuplot here")
class Plots(unittest.TestCase):
    def test_what_was_measured_is_drawn(self):
        with tempfile.TemporaryDirectory() as directory:
            plots.draw(campaign(series("shmchan", 5e6), series("boost", 2e6)), pathlib.Path(directory))
            drawn = {path.name for path in pathlib.Path(directory).iterdir()}
            self.assertEqual(drawn, {"throughput.svg", "cpu.svg"})
            for name in drawn:
                drawing = xml.etree.ElementTree.parse(pathlib.Path(directory, name)).getroot()
                text = "".join(drawing.itertext())
                self.assertIn("boost", text)
                self.assertIn("abacus", text)


if __name__ == "__main__":
    unittest.main()
