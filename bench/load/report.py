"""The figures as Markdown, ready for bench/README.md."""

MODE_TITLES = {
    "off": "Persistence off",
    "everysec": "everysec in both",
    "always": "always in both",
}
WORKLOAD_TITLES = {
    "fill": "fill",
    "get": "GET",
    "set": "SET",
    "mix": "10:1 mix",
    "touch": "GET+EXPIRE",
    "hash": "HGETALL+HSET",
    "evalsha": "EVALSHA",
}
OURS, PEER = "Sojourn", "redis-server"
FULL_ROUNDS = 5
BUSY_LOAD_AVERAGE = 0.5


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value):
    """Three digits that count, or all before the point."""
    if value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def spread(figure):
    if figure["min"] == figure["max"]:
        return number(figure["median"])
    return f"{number(figure['median'])} ({number(figure['min'])}-{number(figure['max'])})"


def ratio(ours, peer):
    return f"{ours / peer:.2f}" if peer else "-"


def title(row):
    return f"{WORKLOAD_TITLES[row['workload']]}, {row['in_flight']} in flight"


def names_of(mode):
    return list(mode["memory"])


def compared(mode):
    return OURS in names_of(mode) and PEER in names_of(mode)


def summaries(row):
    return {name: server["summary"] for name, server in row["servers"].items()}


def cpu_table(mode):
    names, both = names_of(mode), compared(mode)
    # Without persistence nothing comes in lumps, and no server has children.
    lumps = both and mode["mode"] != "off"
    head = ["CPU, us a request", *names]
    head += ["ratio"] if both else []
    head += ["of the means", f"{PEER} without its children", "ratio"] if lumps else []
    rows = []
    for row in mode["measured"]:
        of = summaries(row)
        cells = [title(row), *(spread(of[name]["cpu_us"]) for name in names)]
        if both:
            ours, peer, alone = of[OURS]["cpu_us"], of[PEER]["cpu_us"], of[PEER]["cpu_own_us"]
            cells.append(f"**{ratio(ours['median'], peer['median'])}**")
            if lumps:
                cells += [ratio(ours["mean"], peer["mean"]), spread(alone),
                          ratio(ours["median"], alone["median"])]
        rows.append(cells)
    return table(head, rows)


def speed_table(mode):
    names, both = names_of(mode), compared(mode)
    shown = [("requests_per_second", "requests/s"), ("p99_us", "p99, us"), ("p999_us", "p99.9, us")]
    head = [""]
    for _, what in shown:
        head += [f"{what}: {names[0]}", *names[1:]] + (["ratio"] if both else [])
    head += [f"core busy: {names[0]}", *names[1:]]
    rows = []
    for row in mode["measured"]:
        of = summaries(row)
        cells = [title(row)]
        for figure, _ in shown:
            cells += [number(of[name][figure]["median"]) for name in names]
            if both:
                cells.append(ratio(of[OURS][figure]["median"], of[PEER][figure]["median"]))
        cells += [f"{of[name]['busy']['median']:.0%}" for name in names]
        rows.append(cells)
    return table(head, rows)


def disk_table(mode):
    names, both = names_of(mode), compared(mode)
    rows = []
    for row in mode["measured"]:
        if row["workload"] == "get":
            continue
        of = [summaries(row)[name]["disk_bytes"] for name in names]
        cells = [title(row), *(spread(figure) for figure in of)]
        rows.append(cells + ([ratio(of[0]["median"], of[1]["median"])] if both else []))
    return table(["written to disk, bytes a request", *names] + (["ratio"] if both else []), rows)


def memory_table(mode, settings):
    payload = settings["key_bytes"] + settings["value_bytes"]
    names = names_of(mode)
    of = [mode["memory"][name] for name in names]
    rows = [
        ["bytes a key", *(number(memory["bytes_per_key"]) for memory in of)],
        ["beyond key and value", *(number(memory["bytes_per_key"] - payload) for memory in of)],
    ]
    if any(memory["engine_bytes"] for memory in of):
        without = [memory["bytes_per_key_without_engine"] for memory in of]
        rows += [
            ["storage engine, as INFO tells it, MiB",
             *(number(memory["engine_bytes"] / 2**20) for memory in of)],
            ["bytes a key without it", *(number(bytes_) for bytes_ in without)],
        ]
    rows.append(["resident after the last round, MiB",
                 *(number(memory["bytes_after"] / 2**20) for memory in of)])
    if mode["mode"] != "off":
        rows.append(["on disk after the last round, MiB",
                     *(number(memory["data_bytes_after"] / 2**20) for memory in of)])
    if compared(mode):
        rows = [row + [""] for row in rows]
        ours, peer = mode["memory"][OURS], mode["memory"][PEER]
        rows[0][-1] = f"**{ratio(ours['bytes_per_key'], peer['bytes_per_key'])}**"
    return table(["memory", *names] + (["ratio"] if compared(mode) else []), rows)


def where(result):
    machine = result["machine"]
    versions = "; ".join(f"{name}: `{text}`" for name, text in result["versions"].items())
    return (f"{machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_bytes'] / 2**30:.0f} GiB, Linux {machine['kernel']}. {versions}.")


def how(settings):
    chosen = f"by Zipf({settings['zipf']:g})" if settings["zipf"] else "all alike"
    return (f"Servers on cores {settings['server_cores']} (Sojourn with {settings['workers']} "
            f"io-threads, redis-server with {settings['redis_io_threads']}), load on cores "
            f"{settings['load_cores']} over {settings['connections']} connections; "
            f"{settings['keys']:,} keys of {settings['key_bytes']} bytes, chosen {chosen}; values "
            f"of {settings['value_bytes']} bytes. Medians of {settings['rounds']} alternating "
            "rounds, in parentheses the least and the most.")


def warnings(machine, settings):
    if set(settings["server_cores"]) & set(settings["load_cores"]):
        yield "**Load and servers share a core**: compare CPU, not times."
    if machine["load_average_before"] > BUSY_LOAD_AVERAGE:
        yield (f"**The machine was busy with other work** (load average "
               f"{machine['load_average_before']:.1f} before the run).")
    if settings["rounds"] < FULL_ROUNDS:
        yield f"**Fewer than {FULL_ROUNDS} rounds**: a look, not a measurement."


def markdown(result):
    settings = result["settings"]
    parts = [f"`{result['command']}`", where(result), how(settings),
             *warnings(result["machine"], settings)]
    for mode in result["modes"]:
        parts += [f"### {MODE_TITLES[mode['mode']]}", cpu_table(mode), speed_table(mode)]
        if mode["mode"] != "off":
            parts.append(disk_table(mode))
        parts.append(memory_table(mode, settings))
        if mode["notes"]:
            parts.append("\n".join(f"- {note}" for note in mode["notes"]))
    return "\n\n".join(parts) + "\n"
