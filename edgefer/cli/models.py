"""`edgefer models`: the networks, their size and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgefer.cli.output import JsonOption, print_json, show, table

if TYPE_CHECKING:
    from edgefer.zoo.cost import Cost
    from edgefer.zoo.registry import Network

_COLUMNS = ("network", "parameters", "mult-adds", "pixels", "outputs", "summary")
_UNKNOWN = "needs torch"


def models(json: JsonOption = False) -> None:
    """List the networks with their size and cost.

    Parameters and multiply-adds are counted on the network itself, which needs torch.

    \b
    Example:
      edgefer models
    """
    from edgefer.zoo.registry import NETWORKS

    costs = [(network, _cost(network)) for network in NETWORKS.values()]
    if json:
        print_json({"networks": [_document(network, cost) for network, cost in costs]})
    else:
        rows = (_row(network, cost) for network, cost in costs)
        show(table(_COLUMNS, rows, numbers=_COLUMNS[1:4]))


def _cost(network: Network) -> Cost | None:
    from edgefer.errors import MissingDependency
    from edgefer.imports import require

    try:
        require("torch", "torch")
    except MissingDependency:
        return None
    from edgefer.zoo.cost import cost_of

    return cost_of(network)


def _row(network: Network, cost: Cost | None) -> tuple[object, ...]:
    parameters = _UNKNOWN if cost is None else f"{cost.parameters:,}"
    multiply_adds = _UNKNOWN if cost is None else _short(cost.multiply_adds)
    outputs = {"probabilities": len(network.labels)} if cost is None else cost.outputs
    return (
        network.name,
        parameters,
        multiply_adds,
        network.size,
        ", ".join(f"{count} {name}" for name, count in outputs.items()),
        network.summary,
    )


def _document(network: Network, cost: Cost | None) -> dict[str, object]:
    from edgefer.zoo.registry import DEFAULT_NETWORK

    return {
        "name": network.name,
        "summary": network.summary,
        "default": network.name == DEFAULT_NETWORK,
        "parameters": None if cost is None else cost.parameters,
        "multiply_adds": None if cost is None else cost.multiply_adds,
        "size": network.size,
        "size_step": network.step or None,
        "labels": network.labels,
        "outputs": None if cost is None else cost.outputs,
        "can_leave_out": network.parts,
        "scale_order": network.scale_order,
    }


def _short(count: int) -> str:
    return f"{count / 1e9:.2f} G" if count >= 1e9 else f"{count / 1e6:.1f} M"
