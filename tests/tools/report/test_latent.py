"""Codes in two dimensions: every way keeps apart what lies apart, and says what it is."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from tools.report.figures import latent


@pytest.fixture(scope="module")
def groups():
    """Three groups in eight dimensions, and which each point is of."""
    rng = np.random.default_rng(1)
    kinds = np.repeat([0, 1, 2], 60)
    centres = rng.normal(0, 4, (3, 8))
    return (centres[kinds] + rng.normal(0, 0.5, (180, 8))).astype(np.float32), kinds


def keeps_apart(plane, kinds):
    judge = KNeighborsClassifier(5).fit(plane.points[::2], kinds[plane.which][::2])
    return judge.score(plane.points[1::2], kinds[plane.which][1::2]) > 0.95


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_groups_stay_groups_and_the_same_seed_gives_the_same_points(groups, method):
    codes, kinds = groups
    projection = latent.plane(codes, method)
    assert projection.points.shape == (180, 2) and keeps_apart(projection, kinds)
    latent._plane.cache_clear()
    np.testing.assert_array_equal(latent.plane(codes, method).points, projection.points)
    assert ("8 values" if method == "pca" else "180 codes") in projection.words


@pytest.mark.slow
@pytest.mark.skipif(not latent.has_umap(), reason="UMAP is not installed: pip install -e '.[umap]'")
def test_umap_where_it_is_installed(groups):
    codes, kinds = groups
    projection = latent.plane(codes, "umap")
    assert keeps_apart(projection, kinds) and projection.axes == ("UMAP 1", "UMAP 2")
    assert "umap" in latent.methods(codes)


def test_without_umap_it_is_left_out_and_asked_for_it_says_how_to_get_it(groups, monkeypatch):
    monkeypatch.setattr(latent, "has_umap", lambda: False)
    assert latent.methods(groups[0]) == ("pca", "tsne")
    with pytest.raises(ValueError, match=r"pip install 'vigil-tinyml\[umap\]'"):
        latent.plane(groups[0][:40], "umap")


def test_a_code_of_one_or_two_values_is_drawn_as_it_is():
    codes = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    assert latent.methods(codes) == ("plain",)
    np.testing.assert_array_equal(latent.plane(codes).points, codes)
    np.testing.assert_array_equal(latent.plane(codes[:, :1]).points[:, 0], codes[:, 0])


def test_many_codes_are_thinned_evenly_and_an_unknown_method_is_refused(groups, monkeypatch):
    codes, kinds = groups
    monkeypatch.setattr(latent, "MOST", 90)
    projection = latent.plane(codes, "tsne", seed=2)
    assert len(projection.points) == 90 and (projection.which[0], projection.which[-1]) == (0, 179)
    assert keeps_apart(projection, kinds)
    with pytest.raises(ValueError, match="no method 'lda'"):
        latent.plane(codes, "lda")
