from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import tiny
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.text import Text

from ablations import explain
from ablations.figures import embedding as embedding_figure
from ablations.figures import histograms, negatives, style, views, weights
from ablations.pictures import embedding, training
from ablations.pictures import histograms as histogram_pictures
from ablations.pictures import negatives as negative_pictures
from ablations.pictures import views as view_pictures
from ablations.studies import load, model
from simclr_core import data, trial
from simclr_core.augment.views import one_view, two_views
from simclr_core.config import Loss, Recipe, Transforms, Views
from simclr_core.loss_gradients import negative_weights
from simclr_core.losses import nt_xent
from simclr_core.model import SimCLR
from simclr_core.streams import stream


@pytest.fixture(scope="module")
def recipe():
    fields = load.parse_yaml(tiny.SCALE, "tiny")["recipe"]
    return Recipe.parse(fields | {"loss": {"temperature": 0.2}, "schedule": {"epochs": 0, "batch_size": 20}})


@pytest.fixture(scope="module")
def dataset(recipe, tmp_path_factory):
    return data.load(recipe.data, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def batch(recipe, dataset):
    return negative_pictures.contrast(recipe, dataset)


def said(figure):
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def inside(figure):
    box, size, hair = figure.get_tightbbox(), figure.get_size_inches(), 1e-6  # inches
    return box.x0 >= -hair and box.y0 >= -hair and box.x1 <= size[0] + hair and box.y1 <= size[1] + hair


def overlapping(figure):
    """Pairs of texts, not of an annotated map, that lie on each other."""
    renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    return [(a, b) for i, (a, one) in enumerate(boxes) for b, two in boxes[:i] if one.overlaps(two)]


# --- views ------------------------------------------------------------------------------------------------------------


def test_the_gallery_shows_the_views_that_training_draws(recipe, dataset):
    images, names = view_pictures.one_per_class(dataset, 4)
    shown = view_pictures.gallery(images, recipe)
    expected = two_views(torch.from_numpy(images.images), recipe.views, recipe.transforms, recipe.seed, epoch=0, step=0)
    assert np.array_equal(shown, expected.permute(0, 2, 3, 1).numpy())
    assert names == list(dataset.class_names[:4])
    other = recipe.model_copy(update={"seed": 1})
    assert not np.array_equal(shown, view_pictures.gallery(images, other))


def test_the_gallery_draws_originals_then_left_and_right_of_each_image_with_hard_pixels():
    rng = np.random.default_rng(0)
    originals, both = (rng.random((n, 24, 24, 3), dtype=np.float32) for n in (2, 4))
    rows = [views.Row(("right: crop",), both), views.Row(("right: color",), 1 - both)]
    figure = views.draw(originals, ["dots", "rings"], rows, "What?", ["So."])
    images = figure.axes[0].images
    assert {image.get_interpolation() for image in images} == {"nearest"}
    order = [*originals, both[0], both[2], both[1], both[3]]
    assert all(np.array_equal(image.get_array(), want) for image, want in zip(images[:6], order, strict=True))
    assert len(images) == 2 + 2 * 4
    boxes = [tuple(np.round(image.get_extent(), 6)) for image in images]
    assert len(set(boxes)) == len(boxes)
    assert all(right - left == pytest.approx(top - bottom) for left, right, bottom, top in boxes)
    assert inside(figure)
    assert not overlapping(figure)


def cells(*recipes):
    return [model.Trial("cell", {"i": i}, 0, recipe) for i, recipe in enumerate(recipes)]


def test_the_shortest_chains_come_first_and_equal_ones_once(recipe):
    def chain(*right, **transforms):
        changed = {"views": Views(left=(), right=right), "transforms": Transforms.model_validate(transforms)}
        return recipe.model_copy(update=changed)

    pair, single, other, strong = (
        chain("crop", "color"), chain("crop"), chain("color"), chain("color", color={"strength": 0.5})
    )  # fmt: skip
    idle = chain("crop", color={"strength": 0.5})  # as single: no color is on its chains
    found = view_pictures.distinct(cells(pair, single, single, idle, other, strong))
    assert found == [single, other, strong, pair]
    assert view_pictures.row_names([single, pair]) == [("right: crop",), ("right: crop › color",)]
    assert view_pictures.row_names([single, other, strong]) == [
        ("right: crop",),
        ("right: color", "color.strength = 1.0"),
        ("right: color", "color.strength = 0.5"),
    ]
    assert view_pictures.row_names([recipe.model_copy(update={"views": Views(left=(), right=())})]) == [("nothing",)]


def test_the_caption_says_how_many_rows_are_left_out(tmp_path, monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr(explain, "ROWS", 3)
    stems = []
    monkeypatch.setattr(explain, "_save", lambda figure, stem: (drawn.append(figure), stems.append(stem.name)))
    assert explain.main(["views", *tiny.write(tmp_path)]) == 0
    assert "1 of 4 settings are left out" in said(drawn[0])
    assert explain.main(["views", *tiny.write(tmp_path), "--only", "first=crop,color"]) == 0
    assert "left out" not in said(drawn[1])
    assert len(drawn[1].axes[0].images) == 4 + 4 * 8
    assert stems == ["tiny-views", "tiny-views-only"]  # what a run drew of all cells stays
    assert not capsys.readouterr().err


# --- histograms -------------------------------------------------------------------------------------------------------


def test_a_histogram_counts_every_value_between_the_crops_own_ends():
    crop = np.random.default_rng(0).uniform(0.2, 0.6, (24, 24, 3)).astype(np.float32)
    counts, edges = histograms.histogram(crop)
    assert (len(counts), counts.sum()) == (100, 3 * 24 * 24)
    assert (edges[0], edges[-1]) == (pytest.approx(crop.min()), pytest.approx(crop.max()))
    assert np.diff(edges) == pytest.approx((crop.max() - crop.min()) / 100)
    assert histograms.histogram(np.zeros((24, 24, 3), np.float32))[0].sum() == 3 * 24 * 24


def test_both_panels_have_the_same_boxes_and_only_one_has_color_distortion(recipe, dataset):
    images = view_pictures.one_per_class(dataset, 2)[0].images
    plain, distorted = histogram_pictures.crops(images, recipe)
    assert plain.shape == distorted.shape == (2, 4, 24, 24, 3)
    eight = torch.from_numpy(np.repeat(images, 4, axis=0))
    for chain, found in ((("crop",), plain), (("crop", "color"), distorted)):
        expected = one_view(eight, Views(left=(), right=chain), recipe.transforms, recipe.seed)
        assert np.array_equal(found.reshape(8, 24, 24, 3), expected.permute(0, 2, 3, 1).numpy())
    assert not np.array_equal(plain, distorted)
    idle = {"color": {"strength": 0, "gray_p": 0, "jitter_p": 0}}
    same = histogram_pictures.crops(images, recipe.model_copy(update={"transforms": Transforms.model_validate(idle)}))
    assert np.array_equal(*same)


def test_all_histograms_share_their_range_and_count_all_pixels(recipe, dataset):
    plain, distorted = histogram_pictures.crops(view_pictures.one_per_class(dataset, 2)[0].images, recipe)
    figure = histograms.draw(plain, distorted, "What?", ["So."])
    axes = [one for one in figure.axes if any(isinstance(patch, StepPatch) for patch in one.patches)]
    assert len(axes) == 2 * 2 * 4
    assert len({(one.get_xlim(), one.get_ylim()) for one in axes}) == 1
    for one in axes:
        values = one.patches[0].get_data().values
        assert values.sum() == 3 * 24 * 24
        assert values[1:-1].max() <= one.get_ylim()[1]
    labels = [(one.get_xlabel(), one.get_ylabel()) for one in axes]
    assert ("pixel intensity", "count") in labels
    assert inside(figure)
    assert not overlapping(figure)


# --- negatives --------------------------------------------------------------------------------------------------------


def test_the_numbers_are_those_of_the_loss(recipe, dataset, batch):
    model = SimCLR(recipe).eval()
    index = torch.randperm(len(dataset.test), generator=stream(recipe.seed, "negatives"))[:8]
    images = torch.from_numpy(dataset.test.images[index.numpy()])
    with torch.no_grad():
        z = model(two_views(images, recipe.views, recipe.transforms, recipe.seed))[1]
    p = np.array([batch.probability[i, batch.positive(i)] for i in range(16)])
    assert np.mean(-np.log(p)) == pytest.approx(nt_xent(z, 0.2).item(), rel=1e-5)
    assert batch.losses == pytest.approx(-np.log(p))
    assert batch.losses.mean() != pytest.approx(nt_xent(z, 0.5).item(), rel=1e-3)


def test_the_map_is_symmetric_with_itself_masked_and_each_row_a_softmax(batch):
    assert batch.similarity.shape == (16, 16)
    assert np.array_equal(np.isnan(batch.similarity), np.eye(16, dtype=bool))
    assert np.allclose(batch.similarity, batch.similarity.T, equal_nan=True)
    assert np.nanmax(np.abs(batch.similarity)) <= 1 + 1e-9
    assert batch.probability.sum(axis=1) == pytest.approx(1)
    assert not batch.probability.diagonal().any()


def test_each_row_has_one_framed_positive_and_a_hatched_self(batch):
    figure = negatives.draw(batch, 0, "What?", ["So."])
    maps = figure.axes[1]
    patches = [patch for patch in maps.patches if isinstance(patch, Rectangle)]
    frames = {(int(p.get_y()), int(p.get_x())) for p in patches if not p.get_fill()}
    assert frames == {(i, (i + 8) % 16) for i in range(16)}
    assert {(int(p.get_y()), int(p.get_x())) for p in patches if p.get_hatch()} == {(i, i) for i in range(16)}
    assert len(maps.texts) == 16 * 15
    assert inside(figure)
    assert not overlapping(figure)


def test_the_bars_are_one_anchors_softmax_with_its_positive_apart(batch):
    anchor = 11
    figure = negatives.draw(batch, anchor, "What?", ["So."])
    bars = {int(patch.get_y() + 0.15): patch for patch in figure.axes[-1].patches if not patch.get_hatch()}
    assert set(bars) == set(range(16)) - {anchor}
    assert {view: bar.get_width() for view, bar in bars.items()} == {v: batch.probability[anchor, v] for v in bars}
    positive = (anchor + 8) % 16
    colors = {view: bar.get_facecolor() for view, bar in bars.items()}
    assert [view for view in bars if colors[view] == colors[positive]] == [positive]
    assert "the right view of image 4 p = softmax" in said(figure)
    assert f"−log p = {batch.losses[anchor]:.2f} nats" in said(figure)


def test_views_that_are_all_alike_are_drawn_too(batch):
    alike = np.where(np.eye(16, dtype=bool), np.nan, 1.0)
    even = np.where(np.eye(16, dtype=bool), 0, 1 / 15)
    figure = negatives.draw(
        replace(batch, similarity=alike, probability=even, losses=np.full(16, np.log(15))), 0, "What?", ["So."]
    )
    assert "−log p = 2.71 nats" in said(figure)


def test_training_changes_the_picture(recipe, dataset, batch):
    longer = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"epochs": 1})})
    assert not np.allclose(negative_pictures.contrast(longer, dataset).losses, batch.losses)


# --- embedding --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded(recipe, dataset):
    return embedding.embed(recipe, dataset)


def test_the_embedding_is_of_test_images_and_the_same_twice(recipe, dataset, embedded):
    again = embedding.embed(recipe, dataset)
    for which in ("h", "z"):
        assert embedded.points[which].shape == (20, 2)
        assert np.isfinite(embedded.points[which]).all()
        assert np.array_equal(embedded.points[which], again.points[which])
    assert not np.array_equal(embedded.points["h"], embedded.points["z"])
    chosen = embedding.choose(dataset, recipe.seed)
    assert sorted(chosen) == list(range(20))
    names = [embedded.names[label] for label in embedded.labels]
    assert names == [dataset.class_names[label] for label in dataset.test.labels[chosen]]
    assert embedded.widths == (128, 16)
    assert embedded.perplexity == pytest.approx(19 / 3)


def test_the_accuracies_above_the_panels_are_those_of_a_trials_probes(recipe, dataset, embedded):
    layers = recipe.probes.model_copy(update={"head_layers": True})
    *_, result = trial.run(recipe.model_copy(update={"probes": layers}), dataset)
    assert embedded.linear["h"] == pytest.approx(result.metrics["top1"])
    assert embedded.linear["z"] == pytest.approx(result.metrics["layer_2_top1"])
    assert embedded.knn["h"] == pytest.approx(result.metrics["knn_top1"])


def test_neighbors_stay_neighbors():
    """Two far clusters: each point's nearest other point is of its own cluster."""
    random = torch.manual_seed(0)
    ends = torch.randn(2, 16, generator=random).repeat_interleave(30, dim=0)
    points = embedding.tsne(ends + 0.1 * torch.randn(60, 16, generator=random), 10, 0)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(60)
    assert np.array_equal(distances.argmin(axis=1) // 30, np.arange(60) // 30)


def test_at_most_ten_classes_and_a_thousand_images_are_chosen_at_random(dataset, monkeypatch):
    monkeypatch.setattr(embedding, "CLASSES", 3)
    monkeypatch.setattr(embedding, "IMAGES", 5)
    chosen = [embedding.choose(dataset, seed) for seed in range(4)]
    assert all(len(set(some.tolist())) == 5 for some in chosen)
    assert all(len(set(dataset.test.labels[some])) <= 3 for some in chosen)
    assert len({tuple(some) for some in chosen}) == 4


def test_each_class_has_a_marker_of_its_own_and_its_color_in_both_panels(embedded):
    figure = embedding_figure.draw(embedded, "What?", ["So."])
    h, z, key = figure.axes
    for axes, which in ((h, "h"), (z, "z")):
        for label, line in enumerate(axes.lines):
            assert np.array_equal(line.get_xydata(), embedded.points[which][embedded.labels == label])
    styles = [[(line.get_marker(), line.get_color()) for line in axes.lines] for axes in (h, z, key)]
    assert styles[0] == styles[1] == styles[2]
    assert len({marker for marker, _ in styles[0]}) == len(embedded.names) == 10
    assert [line.get_label() for line in key.lines] == list(embedded.names)
    assert {text.get_text() for text in key.get_legend().get_texts()} == set(embedded.names)
    assert h.get_title(loc="left") == f"h: linear probe {embedded.linear['h']:.1f}%, kNN {embedded.knn['h']:.1f}%"
    figure.draw_without_rendering()  # a legend lays itself out when drawn
    assert inside(figure)
    assert not overlapping(figure)


# --- weights ----------------------------------------------------------------------------------------------------------


def test_the_curves_are_the_weights_of_one_negative_among_others():
    nt_xent, logistic = Loss(temperature=0.2), Loss(name="nt_logistic", temperature=0.2)
    for settings in (nt_xent, logistic):
        drawn = weights.curve(settings, 0.6)
        others = np.r_[weights.SIMILARITY[1400], [0.6] * 13]
        assert drawn[1400] == pytest.approx(0.2 * negative_weights(0.8, others, settings)[0])
    p = np.exp(1 / 0.2) / (np.exp(1 / 0.2) + np.exp(0.8 / 0.2) + 13 * np.exp(0.6 / 0.2))
    assert weights.curve(nt_xent, 0.6)[-1] == pytest.approx(p)
    assert weights.curve(Loss(name="margin_triplet", margin=0.4), 0.0)[[1399, 1401]].tolist() == [0, 1]


def test_only_where_the_others_matter_do_the_two_lines_differ():
    figure = weights.draw()
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.lines}
    assert len(panels) == 5
    for title, axes in panels.items():
        curves = [line.get_ydata() for line in axes.lines[1:]]
        alike = [np.array_equal(easy, hard) for easy, hard in zip(curves[::2], curves[1::2], strict=True)]
        assert set(alike) == {title in ("NT-Logistic", "margin triplet")}
        assert all(curve.min() >= 0 and curve.max() <= 1 for curve in curves)
    assert "temperature 0.1" in said(figure)
    assert "no data and no training" in said(figure)
    assert inside(figure)


def test_ten_markers_are_ten():
    assert len(set(style.MARKERS)) == 10


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", explain.PICTURES)
def test_the_command_writes_its_files_and_names_them(picture, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(training, "PATIENCE", 600.0)
    arguments = tiny.write(tmp_path)[1:] if picture == "weights" else tiny.write(tmp_path)
    assert explain.main([picture, *arguments]) == 0
    out, err = capsys.readouterr()
    stem = tmp_path / "reports" / ("weights" if picture == "weights" else f"tiny/tiny-{picture}")
    paths = [stem.with_name(stem.name + end) for end in (".png", ".svg", ".pdf")]
    assert out.split() == [str(path) for path in paths]
    assert not err
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)


def test_a_training_that_takes_long_says_how_far_it_is(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(training, "PATIENCE", 0.0)
    assert explain.main(["negatives", *tiny.write(tmp_path)]) == 0
    assert "epoch 1 of 1, loss " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["pie"], "invalid choice: 'pie'"),
        (["negatives", "--set", "loss.name=margin_triplet"], "allowed are nt_xent, true, both."),
        (["negatives", "--set", "loss.normalize=false"], "allowed are nt_xent, true, both."),
        (["negatives", "--set", "schedule.batch_size=400"], "at most 40 fit"),
        (["embedding", "--set", "head={kind: none, dim: null}"], "head.kind is none, so z is h"),
        (["embedding", "--set", "loss.name=cross_entropy"], "loss.name cross_entropy has no head"),
        (["weights"], "leave out STUDY"),
        (["views", "--only", "third=crop"], "unknown axis 'third'"),
        (["views", "--data", "folder:/nowhere"], "/nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, complaint, tmp_path, capsys):
    picture, *options = arguments
    assert explain.main([picture, *tiny.write(tmp_path), *options]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert complaint in err
    assert err.count("\n") == 1
    assert not (tmp_path / "reports").exists()


def test_a_picture_of_a_study_wants_one_and_weights_no_options(capsys):
    for arguments, complaint in ((["views"], "give a STUDY"), (["weights", "--set", "seed=1"], "leave out STUDY")):
        assert explain.main(arguments) == 2
        err = capsys.readouterr().err
        assert complaint in err
        assert err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path, capsys):
    arguments = tiny.write(tmp_path)
    (tmp_path / "reports").write_text("in the way")
    assert explain.main(["views", *arguments]) == 2
    assert "choose another folder with --out" in capsys.readouterr().err
