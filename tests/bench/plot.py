"""Line charts with logarithmic x, side by side in one SVG: no library needed. Lines are told apart by
dash and label as well as colour; the text follows the reader's light or dark theme."""

import math

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 330, 240, 46, 34, 14, 40
STYLES = [("#1f77b4", ""), ("#8a8a8a", "5 3"), ("#d62728", "2 2")]


def nice_max(value):
    """The next 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= value)


def panel(at, title, x_name, lines):
    points = [p for line in lines.values() for p in line]
    top = nice_max(1.05 * max(y for _, y in points))
    low, high = (f(math.log10(x) for x, _ in points) for f in (min, max))
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x, y):
        return at + LEFT + wide * (math.log10(x) - low) / ((high - low) or 1), TOP + tall * (1 - y / top)

    out = [f'<text x="{at + LEFT}" y="18" class="title">{title}</text>']
    for i in range(5):
        value = top * i / 4
        _, y = place(10 ** low, value)
        out.append(f'<line x1="{at + LEFT}" x2="{at + WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
                   f'<text x="{at + LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for power in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1):
        x, _ = place(10 ** power, 0)
        out.append(f'<text x="{x:.1f}" y="{HEIGHT - 22}" text-anchor="middle">{10 ** power:,}</text>')
    out.append(f'<text x="{at + LEFT + wide / 2:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{x_name}</text>')
    for i, ((name, line), (colour, dash)) in enumerate(zip(lines.items(), STYLES)):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*p) for p in sorted(line)))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
                   f'stroke-dasharray="{dash}"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in (place(*p) for p in line)]
        out.append(f'<text x="{at + WIDTH - RIGHT}" y="{HEIGHT - BOTTOM - 8 - 14 * i}" text-anchor="end" '
                   f'style="fill:{colour}">{name}</text>')
    return "\n".join(out)


def svg(panels):
    """panels: [(title, name of x, {line: [(x, y), …]}), …]"""
    width = WIDTH * len(panels)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
        'role="img" aria-label="Cost by number of connections and channels">',
        "<style>text{font:11px sans-serif;fill:#555}.title{font-weight:bold}.grid{stroke:#8884;stroke-width:1}"
        "@media(prefers-color-scheme:dark){text{fill:#bbb}}</style>",
        *(panel(i * WIDTH, *p) for i, p in enumerate(panels)), "</svg>", ""])
