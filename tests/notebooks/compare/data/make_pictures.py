"""Make figures, each as it should be and with one small fault: ``python make_pictures.py <folder>``.

A file is ``<figure>-<fault>.png``; ``<figure>-reference.png`` is without fault. Needs matplotlib.
"""

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

FOLDER = Path(sys.argv[1])
FOLDER.mkdir(parents=True, exist_ok=True)
FAULTS = {
    "lines": {
        "reference": {},
        "label-i-becomes-l": {"xlabel": "tlme since the beginning"},
        "label-c-becomes-e": {"ylabel": "temperature at the surfaee [K]"},
        "label-comma-becomes-point": {"title": "Runs 1. 2"},
        "legend": {"names": ("first", "sceond", "third")},
        "legend-order": {"names": ("second", "first", "third")},
        "line-one-percent": {"factor": 1.01},
        "one-point": {"bump": 0.05},
        "thinner": {"width": 1.2},
        "dashed": {"style": "--"},
        "limit": {"top": 2.6},
    },
    "map": {
        "reference": {},
        "colour-map": {"cmap": "plasma"},
        "colour-map-similar": {"cmap": "cividis"},
        "colour-limits": {"top": 2.1},
        "one-cell": {"bump": 0.4},
        "flipped": {"flip": True},
        "colourbar-label": {"label": "range [C]"},
    },
}


def lines(**fault: object) -> Figure:
    x = np.linspace(0, 6, 80)
    fig, ax = plt.subplots(figsize=(4, 3))
    for number, name in enumerate(fault.get("names", ("first", "second", "third"))):
        y = np.sin(x + number) * fault.get("factor", 1.0) + (number == 1) * (np.arange(80) == 40) * fault.get(
            "bump", 0.0
        )
        ax.plot(x, y, label=name, linewidth=fault.get("width", 1.5), linestyle=fault.get("style", "-"))
    ax.set_xlabel(fault.get("xlabel", "time since the beginning"))
    ax.set_ylabel(fault.get("ylabel", "temperature at the surface [K]"))
    ax.set_title(fault.get("title", "Runs 1, 2"))
    ax.set_ylim(-1.2, fault.get("top", 2.5))
    ax.legend()
    return fig


def map_(**fault: object) -> Figure:
    values = np.random.default_rng(5).normal(size=(12, 18)).cumsum(axis=1) / 3
    values[6, 9] += fault.get("bump", 0)
    fig, ax = plt.subplots(figsize=(4, 3))
    shown = values[::-1] if fault.get("flip") else values
    drawn = ax.pcolormesh(shown, cmap=fault.get("cmap", "viridis"), vmin=-2, vmax=fault.get("top", 2))
    fig.colorbar(drawn, label=fault.get("label", "range [K]"))
    ax.set_title("spread over members")
    return fig


for figure, draw in (("lines", lines), ("map", map_)):
    for fault, changes in FAULTS[figure].items():
        for dpi in (50, 90):
            fig = draw(**changes)
            fig.savefig(
                FOLDER / f"{figure}{dpi}-{fault}.png", dpi=dpi, bbox_inches="tight", pil_kwargs={"compress_level": 0}
            )
            plt.close(fig)
