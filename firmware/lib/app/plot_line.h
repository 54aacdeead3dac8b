// Verdicts as text for plotters.
#pragma once

#include <cstddef>

#include "span.h"

namespace vigil {

enum class PlotStyle : unsigned char {
    none,
    plotter,   // "score:0.1234,threshold:0.3000,flag:0": Arduino's Serial Plotter
    teleplot,  // ">score:0.1234", ">threshold:0.3000", ">flag:0", a line each: Teleplot
};

constexpr std::size_t kPlotLine = 80;  // bytes of the longest line

// Writes one window's values with line ends; returns the number of bytes. `out` holds kPlotLine.
std::size_t plot_line(PlotStyle style, float score, float threshold, bool flag, Span<char> out);

}  // namespace vigil
