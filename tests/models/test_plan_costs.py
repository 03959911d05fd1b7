"""What a plan costs, against what its interpreter really keeps."""

import numpy as np
import pytest
from untrained import ready_classifier

from skcomic import count_multiply_adds
from skcomic.models import interpreter
from skcomic.models.plan import Plan, Step
from skcomic.models.plan_costs import iter_shapes, plan_costs
from skcomic.models.planning import make_plan


@pytest.fixture(scope="module")
def plans(stripes) -> dict[str, Plan]:
    rows, labels = stripes
    names = ("8_max_1", "hog", "patches", "pixels", "small_3_2_1_mirrored")
    return {name: make_plan(ready_classifier(name, rows, labels, size=8)) for name in names}


def test_shapes_are_those_that_the_interpreter_computes(plans, stripes, monkeypatch) -> None:
    for plan in plans.values():
        seen: list[tuple[int, ...]] = []
        for kind, function in interpreter._STEPS.items():

            def spy(values, function=function, seen=seen, **others):
                result = function(values, **others)
                seen.append(result.shape[1:])
                return result

            monkeypatch.setitem(interpreter._STEPS, kind, spy)
        interpreter.run_plan(plan._replace(is_mirrored=False), stripes[0][:2])
        monkeypatch.undo()
        assert seen == [shape for _, shape in iter_shapes(plan)]


def test_a_net_is_counted_by_hand() -> None:
    ones = np.ones
    kernel = {"kernel": ones((3, 3, 1, 4), np.float32), "offset": ones(4, np.float32)}
    dense = {"weights": ones((36, 1), np.float32), "offset": ones(1, np.float32)}
    steps = [
        Step("image", {"height": 8, "width": 8}, {}),
        Step("convolution", {"same": 0}, kernel),
        Step("relu", {}, {}),
        Step("max_pooling", {"side": 2}, {}),
        Step("flatten", {}, {}),
        Step("dense", {}, dense),
        Step("sigmoid", {}, {}),
    ]
    plan = Plan(None, 64, ["comics", "faces"], False, steps)
    costs = plan_costs(plan)
    assert costs.weight_bytes == 4 * (36 + 4 + 36 + 1)
    assert costs.activation_bytes == 4 * (8 * 8 + 6 * 6 * 4)  # before and after the kernel
    assert costs.multiply_adds == 6 * 6 * 36 + 36
    mirrored = plan_costs(plan._replace(is_mirrored=True))
    assert mirrored.multiply_adds == 2 * costs.multiply_adds
    assert mirrored.activation_bytes == costs.activation_bytes + 4 * (64 + 2)


def test_multiply_adds_are_those_of_the_network(stripes) -> None:
    net = ready_classifier("small_3_2_1", *stripes, size=8)
    assert plan_costs(make_plan(net)).multiply_adds == count_multiply_adds(net.model_)
