// Python's view of the decision: p-value, alarm and drift.
#include "window_decision.h"

namespace vigil::native {

void bind_decision(py::module_& module) {
    py::class_<WindowDecision>(module, "Decision",
                               "P-value, alarm and drift of scores in time order (docs/bundle.md, "
                               "Decision).")
        .def(py::init<const std::vector<std::pair<float, std::uint32_t>>&, std::uint32_t,
                      const std::string&, int, float, float, std::uint32_t, std::uint32_t, float>(),
             "points"_a, "scores"_a, "kind"_a, "windows"_a, "raise_level"_a, "clear_level"_a,
             "block"_a, "limit"_a, "threshold"_a = 1.0F)
        .def("push", py::overload_cast<const py::array&, float>(&WindowDecision::push), "scores"_a,
             "threshold"_a,
             "float32 [n] of judged windows without a gap, to p-values (float32 [n]), whether the "
             "alarm is on, and whether the signal has drifted (bool [n]) after each.")
        .def("configure", &WindowDecision::configure, "kind"_a, "windows"_a, "raise_level"_a,
             "clear_level"_a, "Set another alarm; False, and no change, if it is not possible.")
        .def("calibrated", &WindowDecision::calibrated, "threshold"_a, "largest"_a, "scores"_a,
             "Another calibration chose this threshold from so many scores: its largest, float32 "
             "[k], descending. Without any, the bundle's calibration is meant.")
        .def("gap", &WindowDecision::gap, "Windows are missing before the next one.")
        .def("restart", &WindowDecision::restart, "Another stream begins.")
        .def_property_readonly("last", &WindowDecision::last,
                               "P-value, whether the alarm is on, and whether the signal has "
                               "drifted, after the last window.")
        .def_property_readonly("low", &WindowDecision::low,
                               "Windows with a p-value of 0.1 or less in the drift's blocks.")
        .def_property_readonly("measured", &WindowDecision::measured,
                               "Whether the drift has all its blocks.");
}

}  // namespace vigil::native
