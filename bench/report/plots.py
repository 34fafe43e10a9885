# SPDX-License-Identifier: Apache-2.0
"""The plots, drawn by gnuplot: lines over message size, columns for many processes, bars for the rest."""
import subprocess

from results import is_ours, median

RATE, CPU, CALLS = "messages_per_second", "cpu_ns_per_message", "system_calls_per_message"

HEAD = """set terminal svg size 860,{height} font "sans-serif,13" background "#ffffff"
set output "{path}"
set title "{title}\\n{conditions}" font ",12"
set grid {grid} lc rgb "#d8d8d8"
set key {key}
"""

OURS, PEERS, THREADS = "0xc0392b", "0x7f8fa6", "0xc8b88a"
PALETTE = ("#c0392b", "#e67e22", "#8e44ad", "#2980b9", "#16a085",
           "#2c3e50", "#7f8c8d", "#d4ac0d", "#27ae60", "#95a5a6")


def label(one):
    name = one["transport"]
    if is_ours(one) and name != "shmchan":
        name = "shmchan, " + name
    return name + (" (threads)" if one["in_process"] else " (spins)" if one["waits"] == "spinning" else "")


def colour(one):
    return OURS if is_ours(one) else THREADS if one["in_process"] else PEERS


def draw_one(directory, measured, name, title, height, body, grid="xtics ytics", key="outside right top"):
    path = directory / f"{name}.svg"
    head = HEAD.format(height=height, path=path, title=title, grid=grid, key=key,
                       conditions=measured.conditions().replace("(R)", ""))
    subprocess.run(["gnuplot"], input=head + body, text=True, check=True)
    declaration, rest = path.read_text().split("\n", 1)
    path.write_text(f"{declaration}\n<!-- SPDX-License-Identifier: Apache-2.0 -->\n{rest}")


def bars(directory, measured, name, title, axis, series, figure, tails=(), scale=1.0):
    """A horizontal bar a series, the best at the top; whiskers for least and most, or marks for percentiles."""
    series = sorted(series, key=lambda one: median(one, figure), reverse=figure != RATE)
    if not series:
        return
    rows = []
    for one in series:
        shown = one[figure]
        values = [shown["median"], shown["min"], shown["max"]] + [median(one, tail) for tail, _ in tails]
        columns = " ".join(f"{max(value * scale, 1e-5):.6g}" for value in values)
        rows.append(f'"{label(one)}" {colour(one)} {columns}')
    floor = min(float(row.split()[-len(tails) - 3]) for row in rows) / 3
    black = 'lc rgb "black"'
    marks = "".join(f', $bars using {6 + i}:0 with points pt {5 + 2 * i} ps 0.6 {black} title "{shown}"'
                    for i, (_, shown) in enumerate(tails))
    whiskers = "" if tails else f", $bars using 3:0:4:5 with xerrorbars pt -1 {black} notitle"
    box = f"3:0:({floor:g}):3:($0-0.36):($0+0.36):2"
    draw_one(directory, measured, name, title, 150 + 22 * len(rows), f"""
$bars << END
{chr(10).join(rows)}
END
set logscale x
set xrange [{floor:g}:*]
set yrange [-0.7:{len(rows) - 0.3}]
set xlabel "{axis}"
set style fill solid
plot $bars using {box}:yticlabels(1) with boxxyerror lc rgb variable notitle{marks}{whiskers}
""", grid="xtics", key="outside right top" if tails else "off")


def by_size(directory, measured):
    shown = ("shmchan", "batch", "view", "crossbeam", "dpdk", "dpdk-batch", "boost", "qb", "iceoryx", "pipe")
    sizes = sorted({one["size"] for one in measured.series if one["row"] == "one"})
    blocks, curves = [], []
    for i, name in enumerate(shown):
        points = [one for size in sizes for one in measured.select("one", size) if one["transport"] == name]
        if not points:
            continue
        lines = [f"{one['size']} " + " ".join(f"{one[RATE][what]:g}" for what in ("median", "min", "max"))
                 for one in points]
        blocks.append(f"$curve{i} << END\n" + "\n".join(lines) + "\nEND\n")
        curves.append(f'$curve{i} with yerrorlines lw {2.5 if is_ours(points[0]) else 1.2} pt {i + 1} ps 0.5 '
                      f'lc rgb "{PALETTE[i]}" title "{label(points[0])}"')
    if curves:
        title = "Messages a second, one sender, one receiver"
        draw_one(directory, measured, "throughput", title, 480, "".join(blocks) + f"""
set logscale xy
set xtics ("8 B" 8, "64 B" 64, "1 KiB" 1024, "4 KiB" 4096, "64 KiB" 65536)
set xrange [6:90000]
set ylabel "messages a second"
plot {", ".join(curves)}
""")


def by_processes(directory, measured):
    shapes = ("2x1", "4x1", "8x1", "2x2", "4x4")
    shown = ("shmchan", "gather", "crossbeam", "flume", "dpdk", "boost", "zmq", "iceoryx", "mq", "pipe")
    rows = []
    measured_here = {one["transport"] for shape in shapes for one in measured.select("many-" + shape)}
    shown = [name for name in shown if name in measured_here]
    if not shown:
        return
    for shape in shapes:
        rates = {one["transport"]: median(one, RATE) for one in measured.select("many-" + shape)}
        values = " ".join(f"{rates[name]:g}" if name in rates else "NaN" for name in shown)
        rows.append(f'"{shape.replace("x", " to ")}" {values}')
    names = {one["transport"]: label(one) for one in measured.series}
    columns = ", ".join(f'$many using {i + 2}:xtic(1) lc rgb "{PALETTE[i]}" title "{names[name]}"'
                        for i, name in enumerate(shown))
    draw_one(directory, measured, "many", "64-byte messages a second, many processes on one queue", 420, f"""
$many << END
{chr(10).join(rows)}
END
set style data histogram
set style histogram clustered gap 1
set style fill solid
set logscale y
set ylabel "messages a second"
plot {columns}
""")


def draw(measured, directory):
    directory.mkdir(parents=True, exist_ok=True)
    tails = (("trip_p99_ns", "p99"), ("trip_p99_9_ns", "p99.9"))
    one = [series for series in measured.select("one") if series["batch"] == 1]
    sleeping = [series for series in measured.select("wake-up") if series["waits"] == "sleeping"]
    calls = [series for series in measured.select("calls") if series["batch"] == 1]
    by_size(directory, measured)
    by_processes(directory, measured)
    bars(directory, measured, "trips", "Round trip of 64 bytes, median (bar)", "microseconds",
         measured.select("trips"), "trip_p50_ns", tails, 1e-3)
    bars(directory, measured, "wake-up", "From send to a receiver that was asleep, median (bar)", "microseconds",
         sleeping, "trip_p50_ns", tails, 1e-3)
    bars(directory, measured, "large", "1 MiB copied in and out (view: in, and read in place)", "GB/s",
         measured.select("large", 1 << 20), RATE, scale=(1 << 20) / 1e9)
    bars(directory, measured, "cpu", "Processor time of both sides for a message of 64 bytes", "nanoseconds",
         one, CPU)
    bars(directory, measured, "calls", "System calls for a message of 64 bytes while streaming (none: 0.00001)",
         "system calls", calls, CALLS)
