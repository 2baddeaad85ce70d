"""Plot style: models can be told apart by colour, by shape and in print."""

from touchline.report import plot_style


def test_models_differ_in_colour_and_in_shape():
    models = [f"m{number}" for number in range(6)] + ["baseline"]
    colours, shapes = (
        plot_style.colours(models, ["baseline"]),
        plot_style.shapes(models, ["baseline"]),
    )
    assert len(set(colours.values())) == len(set(shapes.values())) == 7
    assert plot_style.TRUTH_COLOUR not in colours.values()

    def lightness(colour):
        red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    # The first two, which most studies have, are told from white paper and the baseline by contrast.
    assert all((1.05 / (lightness(colours[name]) + 0.05)) > 3 for name in ("m0", "m1", "baseline"))


def test_more_models_than_colours_are_told_apart_by_their_shapes():
    models = [f"model {number}" for number in range(36)]
    colours, shapes = plot_style.colours(models, []), plot_style.shapes(models, [])
    assert len({(colours[model], shapes[model]) for model in models}) == 36
