"""The stages of a study that choose: each is a function of what it gets to what it gives."""

from collections.abc import Hashable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state

from skcomic.catalogue.splitting import assign_groups
from skcomic.selection.costs import Cost
from skcomic.selection.rounds import halving_rounds
from skcomic.study.choice import (
    choose,
    choose_report_net,
    drop_all_but_best,
    drop_surpassed,
    exclude_over_limit,
    find_sufficient,
)
from skcomic.study.comparison import Comparison, Run, add_intervals, compare
from skcomic.study.contenders import Contender, at_sizes, find_net, find_vectorizer
from skcomic.study.evaluation import Answers
from skcomic.study.settings import StudySettings
from skcomic.study.validation import compare_on_folds

# Of the training images, in the rounds of a search by halving; a round of fewer images would say
# nothing.
_SHARES = (1 / 9, 1 / 3, 1)
_MIN_ROUND_IMAGES = 100


class Choice(NamedTuple):
    """What a stage has compared and chosen.

    Parameters
    ----------
    table : DataFrame
        One row per contender, of each round: its description, scores, costs, `failure` and
        `excluded`.
    contender : (str, estimator)
        The choice.
    row : dict of str to object
        Its row.
    answers : Answers
        Its own, for `images`.
    images : DataFrame
        The validation images, or those of all folds: none was trained on for its answer.
    """

    table: pd.DataFrame
    contender: Contender
    row: dict[Hashable, Any]
    answers: Answers
    images: pd.DataFrame


class Round(NamedTuple):
    """One round of a search.

    Parameters
    ----------
    train : DataFrame
        The training images.
    epochs : int or None
        Of the report's nets; None: all of them.
    n_kept : int or None
        How many of the best go on to it from the round before. None: all but those that another
        surpasses for half the cost.
    """

    train: pd.DataFrame
    epochs: int | None = None
    n_kept: int | None = None


def search(contenders: list[Contender], parts: Bunch, settings: StudySettings, run: Run) -> Choice:
    """Choose among contenders, trained on a part of the training images.

    By halving, all contenders are trained a little, and some of them more: the best of the
    report's nets for more epochs, if there are no others; else, on more images, all but those
    that another one of their kind surpasses for half the cost. Nets and classifiers without a
    network are of two kinds: on few images, nets are behind what they are ahead of on many. Those
    of the least work are trained first, and the others not at all once none of them can be better
    by more than the tolerance.

    Parameters
    ----------
    contenders : list of (str, estimator)
        As from `make_study_contenders`.
    parts : Bunch
        As from `assign_parts`.
    settings : StudySettings
        The settings.
    run : Run
        How fits are made.

    Returns
    -------
    choice : Choice
        The cheapest among the best of the last round.

    Raises
    ------
    ValueError
        If all contenders of a round fail, or cost more than is allowed.
    """
    stop_early = None
    if settings.search == "halving" and settings.contenders != "report":
        stop_early = partial(find_sufficient, settings=settings)
    tables: list[pd.DataFrame] = []
    for number, plan in enumerate(_rounds(len(contenders), parts, settings)):
        if tables and plan.n_kept is not None:
            tables[-1] = drop_all_but_best(tables[-1], plan.n_kept, number)
        elif tables:
            tables[-1] = drop_surpassed(tables[-1], settings.cost, number)
        if tables:
            goes_on = tables[-1].failure.isna() & tables[-1].excluded.isna()
            contenders = [each for each, kept in zip(contenders, goes_on, strict=True) if kept]
        if plan.epochs is not None:
            contenders = [(name, _with_epochs(net, plan.epochs)) for name, net in contenders]
        if settings.n_folds > 1:
            comparison = compare_on_folds(contenders, plan.train, settings, run, drop=True)
        else:
            comparison = compare(
                contenders, plan.train, parts.validation, settings.positive, run, stop_early
            )
        comparison = add_intervals(comparison, settings)
        contenders = comparison.contenders
        tables.append(exclude_over_limit(comparison.table, settings))
    chosen = choose(comparison._replace(table=tables[-1]), settings)
    return _make_choice(comparison, chosen, pd.concat(tables, ignore_index=True))


def _rounds(n_contenders: int, parts: Bunch, settings: StudySettings) -> Iterator[Round]:
    if settings.search != "halving":
        yield Round(parts.search)
    elif settings.contenders == "report":
        for n_kept, epochs in halving_rounds(n_contenders, settings.epochs):
            yield Round(parts.search, epochs, n_kept)
    else:
        random = check_random_state(settings.random_state)
        first_round = assign_groups(parts.search, np.diff(_SHARES, prepend=0).tolist(), random)
        for number in range(len(_SHARES)):
            train = parts.search[first_round <= number]
            is_last = number == len(_SHARES) - 1
            if is_last or (
                len(train) >= _MIN_ROUND_IMAGES and set(train.label) == set(parts.search.label)
            ):
                yield Round(train)


def count_epochs(contenders: list[Contender], settings: StudySettings) -> int:
    """Count the epochs of the nets in a search, if none is dropped.

    Parameters
    ----------
    contenders : list of (str, estimator)
        As for `search`.
    settings : StudySettings
        The settings.

    Returns
    -------
    n_epochs : int
        0 without nets.
    """
    nets = [net for _, each in contenders if (net := find_net(each)) is not None]
    if settings.search == "halving" and settings.contenders == "report":
        return sum(
            n_nets * epochs for n_nets, epochs in halving_rounds(len(nets), settings.epochs)
        )
    return settings.n_folds * sum(net.epochs for net in nets)


def _with_epochs(net: Any, epochs: int) -> Any:
    net = clone(net)
    find_net(net).set_params(epochs=epochs)
    return net


def select_size(chosen: Contender, parts: Bunch, settings: StudySettings, run: Run) -> Choice:
    """Choose the image size for a contender, trained on all training images.

    Parameters
    ----------
    chosen : (str, estimator)
        The choice of `search`.
    parts, settings, run
        As for `search`.

    Returns
    -------
    choice : Choice
        The cheapest among the best.

    Raises
    ------
    ValueError
        As for `search`.
    """
    sized = at_sizes(chosen, settings)
    if settings.n_folds > 1:
        comparison = compare_on_folds(sized, parts.train, settings, run, drop=False)
    else:
        comparison = compare(sized, parts.train, parts.validation, settings.positive, run)
    comparison = add_intervals(comparison, settings)
    comparison = comparison._replace(table=exclude_over_limit(comparison.table, settings))
    return _make_choice(comparison, choose(comparison, settings), comparison.table)


def find_report_choice(
    contenders: list[Contender], table: pd.DataFrame, chosen: Contender, settings: StudySettings
) -> Contender | None:
    """Find the net that the report's rule chooses of its own, at the size of the choice.

    Parameters
    ----------
    contenders : list of (str, estimator)
        Those of the search.
    table : DataFrame
        Of the search.
    chosen : (str, estimator)
        The choice of `select_size`.
    settings : StudySettings
        The settings.

    Returns
    -------
    contender : (str, estimator) or None
        Not fitted. None if no such net was trained on all images, or the choice is the same.
    """
    name = choose_report_net(table, settings)
    if name is None or name == chosen[0]:
        return None
    vectorizer = find_vectorizer(chosen[1])
    size: Any = max(settings.sizes) if vectorizer is None else vectorizer.size
    # One of the user's own that makes its rows otherwise has no size, and is the same at each.
    sized = at_sizes((name, dict(contenders)[name]), replace(settings, sizes=(size,)))
    return sized[0]


def _make_choice(comparison: Comparison, chosen: int, table: pd.DataFrame) -> Choice:
    answers = comparison.answers[chosen]
    assert answers is not None
    row = comparison.table.to_dict("records")[chosen]
    return Choice(table, comparison.contenders[chosen], row, answers, comparison.images)


def compute_saving(
    sizes: pd.DataFrame, chosen_size: int | None, cost: Cost
) -> dict[str, float | int | None]:
    """Compute what the chosen size saves and loses.

    Parameters
    ----------
    sizes : DataFrame
        The table of `select_size`.
    chosen_size : int or None
        In pixels; None for a contender that takes images of any size.
    cost : str
        A column of the table.

    Returns
    -------
    saving : dict
        As in `Study`.
    """
    done = sizes[sizes.failure.isna()]
    by_size = {row["size"]: row for row in done.to_dict(orient="records")}
    largest = max(by_size)
    cheapest = min(by_size, key=lambda size: by_size[size][cost])
    other = cheapest if chosen_size == largest else chosen_size
    before, after = by_size[largest], by_size[other]
    return {
        "from_size": largest,
        "to_size": other,
        "cost_share": _share_lost(before[cost], after[cost]),
        "f_score_share": _share_lost(before["validation_f_score"], after["validation_f_score"]),
    }


def _share_lost(before: float, after: float) -> float | None:
    return float(1 - after / before) if before else None
