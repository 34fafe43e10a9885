# SPDX-License-Identifier: Apache-2.0
"""The table of docs/performance.md: shmchan, the best peer, and the project's targets."""
from results import between_processes, is_ours, median

BEGIN = "<!-- written by bench/run --publish -->\n"
END = "<!-- until here -->\n"

RATE, P50, CPU, CALLS = "messages_per_second", "trip_p50_ns", "cpu_ns_per_message", "system_calls_per_message"


class Row:
    """What is shown in a line: one way of shmchan at one size, and what it is to reach.

    `rivals` chooses the peers of which the best is shown. A target is (factor, peers): to be at least that many
    times as good as the best of these (all rivals if there are none named), or a plain number to stay below.
    """

    def __init__(self, name, row, way, figure, *targets, size=64, rivals=None):
        self.name, self.row, self.way, self.figure = name, row, way, figure
        self.targets, self.size, self.rivals = targets, size, rivals or (lambda one: one["batch"] == 1)


def batches(one):
    return one["batch"] > 1


def ipc(one):
    return one["batch"] == 1 and between_processes(one)


def ipc_sleeping(one):
    return ipc(one) and one["waits"] == "sleeping"


def many(shape, row, way="shmchan"):
    return Row(f"64 B, {shape}", row, way, RATE, (2, None), (1, ("crossbeam",)), rivals=ipc)


def hand_off(shown, size):
    return Row(f"{shown} handed over, untouched", "hand-off", "hand-off", RATE, (2, ("iceoryx-hand-off",)),
               size=size)


ROWS = (
    Row("8 B", "one", "shmchan", RATE, (4, ("boost",)), size=8),
    Row("64 B", "one", "shmchan", RATE, (3, ("boost",)), (1, ("crossbeam",))),
    Row("64 B, 32 at once", "one", "batch", RATE, (1, ("dpdk-batch",)), rivals=batches),
    Row("1 KiB", "one", "shmchan", RATE, (1.5, ("qb",)), size=1 << 10),
    Row("4 KiB", "one", "shmchan", RATE, (1.5, ("qb",)), size=4 << 10),
    Row("64 KiB", "one", "shmchan", RATE, (1.5, ("qb",)), size=64 << 10),
    many("2 to 1", "many-2x1"),
    many("4 to 1", "many-4x1"),
    many("8 to 1", "many-8x1"),
    many("8 to 1, taking 32 at once", "many-8x1", "gather"),
    many("2 to 2", "many-2x2"),
    many("4 to 4", "many-4x4"),
    Row("1 MiB, copied in and out", "large", "shmchan", RATE, (1, ("iceoryx",)), size=1 << 20),
    hand_off("1 MiB", 1 << 20),
    hand_off("16 MiB", 16 << 20),
    Row("round trip, spinning", "trips", "spin", P50, (1, ("dpdk", "ck"))),
    Row("round trip, blocking calls", "trips", "shmchan", P50, (1 / 1.2, ("crossbeam",))),
    Row("round trip, sleeping", "trips", "sleep", P50, (1, ("pipe",)), rivals=ipc_sleeping),
    Row("waking a receiver", "wake-up", "sleep", P50, rivals=ipc_sleeping),
    Row("processor time a message, both sides", "one", "shmchan", CPU, 155,
        rivals=lambda one: one["batch"] == 1 and one["waits"] == "sleeping"),
    Row("system calls a message", "calls", "shmchan", CALLS, 0.01, rivals=ipc_sleeping),
)


def scaled(value):
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.3g}"


def shown(figure, value):
    if figure == RATE:
        return scaled(value) + "/s"
    if figure == P50:
        return f"{value / 1e3:.3g} us"
    return f"{value:.3g} ns" if figure == CPU else f"{value:.4f}"


def spread(one, figure):
    f = one[figure]
    return f"{shown(figure, f['median'])} ({shown(figure, f['min'])} to {shown(figure, f['max'])}; {f['runs']})"


def advantage(figure, ours, theirs):
    """How many times as good `ours` is."""
    if figure == RATE:
        return median(ours, figure) / median(theirs, figure)
    return median(theirs, figure) / max(median(ours, figure), 1e-9)


def best(figure, peers):
    return (max if figure == RATE else min)(peers, key=lambda one: median(one, figure), default=None)


def verdict(row, ours, peers, rivals, target):
    """What is wanted, and whether it is reached."""
    if not isinstance(target, tuple):
        return f"below {target:g}: {'yes' if median(ours, row.figure) < target else '**no**'}"
    factor, names = target
    rival = best(row.figure, [one for one in peers if one["transport"] in names] if names else rivals)
    wanted = f"{factor:.3g} x {' and '.join(names) if names else 'the best'}"
    if not rival:
        return f"{wanted}: not measured"
    ratio = advantage(row.figure, ours, rival)
    return f"{wanted}: {'yes' if ratio >= factor else '**no**'}, {ratio:.2f}"


def line(measured, row):
    series = measured.select(row.row, row.size)
    ours = next((one for one in series if one["transport"] == row.way), None)
    if not ours or row.figure not in ours:
        return f"| {row.name} | not measured | | | |\n"
    peers = [one for one in series if not is_ours(one)]
    rivals = [one for one in peers if row.rivals(one)]
    rival = best(row.figure, rivals)
    targets = "; ".join(verdict(row, ours, peers, rivals, target) for target in row.targets)
    if not rival:
        return f"| {row.name} | {spread(ours, row.figure)} | - | - | {targets} |\n"
    ratio = advantage(row.figure, ours, rival)
    peer = f"{rival['transport']}: {shown(row.figure, median(rival, row.figure))}"
    return f"| {row.name} | {spread(ours, row.figure)} | {peer} | {ratio:.2f} | {targets} |\n"


def write(measured):
    """The whole table as Markdown."""
    head = ("| | shmchan: median (least to most; runs) | best peer | times as good | target, reached?, times as good |\n"
            "|---|---|---|---|---|\n")
    return measured.conditions() + ".\n\n" + head + "".join(line(measured, row) for row in ROWS)


def publish(text, path):
    """Put it into a document, between the marks."""
    before, rest = path.read_text().split(BEGIN)
    path.write_text(before + BEGIN + text + END + rest.split(END)[1])
