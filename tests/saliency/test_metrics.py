"""Metrics of a saliency map: numbers worked by hand, invariants, and pysaliency's answers."""

import functools

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from fer_keras.saliency import metrics
from fer_keras.saliency.predictor import SaliencyPredictor

RAMP = np.array([[0.0, 1.0], [2.0, 3.0]])
BOTTOM_RIGHT = np.array([[1, 1]])


def random_case(seed):
    """A smooth map, another one, and fixations some of which fall on one pixel."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(24), np.arange(18)), axis=-1)
    maps = [
        np.exp(-((grid - rng.uniform(4, 14, 2)) ** 2).sum(-1) / 40) + 0.1 * rng.random((18, 24))
        for _ in range(2)
    ]
    fixations = np.stack([rng.integers(0, 24, 30), rng.integers(0, 18, 30)], axis=1)
    return maps[0], maps[1], np.concatenate([fixations, fixations[:5]])


@functools.cache
def real_cases():
    """Two photographs: what two models make of them, and fixations drawn from the first map."""
    photographs = [cv2.resize(image, (160, 107)) for image in load_sample_images().images]
    maps, targets = (
        SaliencyPredictor(kind)(np.stack(photographs))[..., 0].astype(np.float64)
        for kind in ('mlnet_light', 'spectral_residual')
    )
    rng = np.random.default_rng(0)
    cases = []
    for saliency_map, target in zip(maps, targets, strict=True):
        cells = rng.choice(saliency_map.size, 40, p=metrics.density(saliency_map).ravel())
        ys, xs = np.unravel_index(cells, saliency_map.shape)
        cases.append((saliency_map, target, np.stack([xs, ys], axis=1)))
    return cases


def cases_of(kind):
    return real_cases() if kind == 'real' else [random_case(seed) for seed in range(3)]


def test_nss_is_the_standardised_value_under_the_fixation():
    # mean 1.5, deviation sqrt(1.25): (3 - 1.5) / 1.118
    assert metrics.nss(RAMP, BOTTOM_RIGHT) == pytest.approx(1.5 / np.sqrt(1.25))


def test_fixations_are_x_then_y():
    assert metrics.nss(RAMP, np.array([[1, 0]])) == pytest.approx(-0.5 / np.sqrt(1.25))


def test_similarity_is_the_shared_mass():
    # densities (0, 1, 2, 3) / 6 and 1/4 everywhere: 0 + 1/6 + 1/4 + 1/4
    assert metrics.sim(RAMP, np.ones((2, 2))) == pytest.approx(1 / 6 + 1 / 2)


def test_divergence_from_a_uniform_map_is_worked_by_hand():
    # q = (0, 1, 2, 3) / 6 against 1/4
    expected = sum(q * np.log(4 * q) for q in (1 / 6, 2 / 6, 3 / 6))
    assert metrics.kl_divergence(np.ones((2, 2)), RAMP) == pytest.approx(expected)


def test_auc_counts_the_pixels_nobody_looked_at():
    assert metrics.auc_judd(RAMP, BOTTOM_RIGHT) == 1.0
    # 2 exceeds 0 and 1 but not 3
    assert metrics.auc_judd(RAMP, np.array([[0, 1]])) == pytest.approx(2 / 3)


def test_a_constant_map_is_at_chance():
    constant = np.ones((2, 2))
    assert metrics.auc_judd(constant, BOTTOM_RIGHT) == 0.5
    assert metrics.nss(constant, BOTTOM_RIGHT) == 0.0
    assert metrics.cc(constant, RAMP) == 0.0


def test_a_map_gains_nothing_over_itself():
    assert metrics.information_gain(RAMP, BOTTOM_RIGHT, RAMP) == 0.0


def test_twice_the_density_is_one_bit():
    # 3/6 against 1/4
    assert metrics.information_gain(RAMP, BOTTOM_RIGHT, np.ones((2, 2))) == pytest.approx(1.0)


def test_scale_and_offset_change_neither_nss_nor_cc_nor_auc():
    saliency_map, target, fixations = random_case(0)
    moved = 7 * saliency_map + 2
    assert metrics.nss(moved, fixations) == pytest.approx(metrics.nss(saliency_map, fixations))
    assert metrics.cc(moved, target) == pytest.approx(metrics.cc(saliency_map, target))
    assert metrics.auc_judd(moved, fixations) == metrics.auc_judd(saliency_map, fixations)


@pytest.mark.parametrize('outside', [[[2, 0]], [[0, 2]], [[-1, 0]]])
def test_a_fixation_outside_the_map_is_refused(outside):
    with pytest.raises(ValueError, match='0 <= x < 2'):
        metrics.nss(RAMP, np.array(outside))


def test_no_fixations_are_refused():
    with pytest.raises(ValueError, match='at least one fixation'):
        metrics.nss(RAMP, np.zeros((0, 2)))


def test_the_numbers_that_pysaliency_gave_hold_without_it():
    """pysaliency 0.2.22 on `random_case(0)`; the tests below ask it anew where it is installed."""
    saliency_map, target, fixations = random_case(0)
    close = functools.partial(pytest.approx, abs=1e-9)
    assert metrics.nss(saliency_map, fixations) == close(-0.26693964912178986)
    assert metrics.cc(saliency_map, target) == close(0.8179198270887545)
    assert metrics.sim(saliency_map, target) == close(0.8091585489463691)
    assert metrics.kl_divergence(saliency_map, target) == close(0.1110085146795052)
    assert metrics.auc_judd(saliency_map, fixations) == close(0.3897199574618929)


@pytest.mark.parametrize('kind', ['random', 'real'])
def test_map_metrics_agree_with_pysaliency(kind):
    theirs = pytest.importorskip('pysaliency.metrics')
    close = functools.partial(pytest.approx, abs=1e-6)
    for saliency_map, target, fixations in cases_of(kind):
        xs, ys = fixations.T
        assert metrics.nss(saliency_map, fixations) == close(
            theirs.NSS(saliency_map, xs, ys).mean()
        )
        assert metrics.cc(saliency_map, target) == close(theirs.CC(saliency_map, target))
        assert metrics.sim(saliency_map, target) == close(theirs.SIM(saliency_map, target))
        assert metrics.kl_divergence(saliency_map, target) == close(
            theirs.MIT_KLDiv(saliency_map, target)
        )


@pytest.fixture(params=['random', 'real'])
def pysaliency_case(request, monkeypatch):
    """The same maps as a pysaliency model, its stimuli and its fixations."""
    pysaliency = pytest.importorskip('pysaliency')
    # pysaliency 0.2.22 calls np.trapz, which NumPy 2.4 no longer has under that name.
    monkeypatch.setattr(np, 'trapz', np.trapezoid, raising=False)
    cases = cases_of(request.param)
    shape = (*cases[0][0].shape, 3)
    stimuli = pysaliency.Stimuli([np.full(shape, n, np.uint8) for n in range(len(cases))])
    points = np.concatenate([fixations for _, _, fixations in cases])
    owner = np.repeat(range(len(cases)), [len(fixations) for _, _, fixations in cases])
    fixations = pysaliency.Fixations.create_without_history(x=points[:, 0], y=points[:, 1], n=owner)
    return pysaliency, stimuli, fixations, cases


def test_shuffled_auc_agrees_with_pysaliency(pysaliency_case):
    pysaliency, stimuli, fixations, cases = pysaliency_case
    theirs = map_model(pysaliency, cases).sAUC(stimuli, fixations, average='image')
    ours = []
    for n, (saliency_map, _, own) in enumerate(cases):
        others = np.concatenate([case[2] for m, case in enumerate(cases) if m != n])
        ours.append(metrics.auc_shuffled(saliency_map, own, others))
    assert np.mean(ours) == pytest.approx(theirs, abs=1e-6)


def test_auc_judd_agrees_with_pysaliency_on_the_same_negatives(pysaliency_case):
    pysaliency, stimuli, fixations, cases = pysaliency_case
    theirs = map_model(pysaliency, cases).AUC(
        stimuli, fixations, nonfixations='unfixated', average='image'
    )
    ours = [metrics.auc_judd(saliency_map, own) for saliency_map, _, own in cases]
    assert np.mean(ours) == pytest.approx(theirs, abs=1e-6)


def map_model(pysaliency, cases):
    class Stored(pysaliency.SaliencyMapModel):
        def _saliency_map(self, stimulus):
            return cases[stimulus[0, 0, 0]][0]

    return Stored(caching=False)


def test_information_gain_agrees_with_pysaliency(pysaliency_case):
    pysaliency, stimuli, fixations, cases = pysaliency_case

    class Stored(pysaliency.Model):
        def __init__(self, index):
            super().__init__(caching=False)
            self.index = index

        def _log_density(self, stimulus):
            return np.log(metrics.density(cases[stimulus[0, 0, 0]][self.index]))

    theirs = Stored(0).information_gain(stimuli, fixations, Stored(1), average='image')
    ours = [metrics.information_gain(a, own, b) for a, b, own in cases]
    assert np.mean(ours) == pytest.approx(theirs, abs=1e-6)
