// Checked NumPy arrays for the bindings, and the function of each file of bindings.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace vigil::native {

namespace py = pybind11;
using namespace py::literals;

using Counts = py::array_t<std::int16_t, py::array::c_style>;
using Bytes = py::array_t<std::int8_t, py::array::c_style>;
using Floats = py::array_t<float, py::array::c_style>;
using Indices = py::array_t<std::uint64_t, py::array::c_style>;

inline void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument(message);
}

// An array of exactly this dtype: a silent cast is the commonest bug of this very job.
template <typename T>
py::array_t<T, py::array::c_style> exactly(const py::array& array, const char* what,
                                           const char* dtype) {
    require(py::isinstance<py::array_t<T>>(array), std::string(what) + " must be " + dtype);
    return py::array_t<T, py::array::c_style>::ensure(array);
}

inline Counts windows_of_counts(const py::array& windows, std::size_t channels) {
    Counts counts = exactly<std::int16_t>(windows, "windows", "int16");
    require(counts.ndim() == 3 && counts.shape(1) > 0 &&
                counts.shape(2) == static_cast<py::ssize_t>(channels),
            "windows must have the shape [n, window, " + std::to_string(channels) + "]");
    return counts;
}

void bind_calibration(py::module_& module);
void bind_decision(py::module_& module);
void bind_beats(py::module_& module);
void bind_features(py::module_& module);
void bind_scalers(py::module_& module);
void bind_score(py::module_& module);
void bind_filters(py::module_& module);
void bind_quality_gate(py::module_& module);
void bind_segmenter(py::module_& module);
void bind_wearer(py::module_& module);

}  // namespace vigil::native
