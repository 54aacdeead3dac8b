// Python's view of the decision: p-value, alarm and drift.
#include "decision.h"

#include <utility>

#include "arrays.h"

namespace vigil::native {
namespace {

AlarmSettings alarm_settings(const std::string& kind, int windows, float raise, float clear) {
    require(kind == "none" || kind == "mean" || kind == "count",
            "kind must be 'none', 'mean' or 'count'");
    require(windows >= 0 && windows < 256, "windows must lie in 0..255");
    const AlarmKind which = kind == "mean"    ? AlarmKind::mean
                            : kind == "count" ? AlarmKind::count
                                              : AlarmKind::none;
    return {which, static_cast<std::uint8_t>(windows), raise, clear};
}

std::vector<CalibrationPoint> table_points(
    const std::vector<std::pair<float, std::uint32_t>>& pairs, std::uint32_t scores) {
    require(scores < (1U << 24), "scores must be below 2^24");
    std::vector<CalibrationPoint> points;
    for (const auto& [score, above] : pairs) {
        require(points.empty() || points.back().score < score, "the points must ascend");
        require(above < scores, "above must be less than scores");
        points.push_back({score, above});
    }
    return points;
}

class WindowDecision {
  public:
    WindowDecision(const std::vector<std::pair<float, std::uint32_t>>& points, std::uint32_t scores,
                   const std::string& kind, int windows, float raise, float clear,
                   std::uint32_t block, std::uint32_t limit, float threshold)
        : points_(table_points(points, scores)),
          decision_({{{points_.data(), points_.size()}, scores},
                     alarm_settings("none", 0, 0, 0),
                     {block, limit},
                     threshold}) {
        require(block >= 1, "block must be 1 or more");
        require(configure(kind, windows, raise, clear), "not a possible alarm");
    }
    WindowDecision(const WindowDecision&) = delete;

    bool configure(const std::string& kind, int windows, float raise, float clear) {
        return decision_.alarm().configure(alarm_settings(kind, windows, raise, clear));
    }

    py::tuple push(const py::array& scores, float threshold) {
        const Floats values = exactly<float>(scores, "scores", "float32");
        require(values.ndim() == 1, "scores must have the shape [n]");
        Floats p(values.size());
        py::array_t<bool> alarm(values.size());
        py::array_t<bool> drifted(values.size());
        for (py::ssize_t i = 0; i < values.size(); ++i) {
            decision_.push(values.data()[i], threshold);
            p.mutable_data()[i] = decision_.p();
            alarm.mutable_data()[i] = decision_.alarm().on();
            drifted.mutable_data()[i] = decision_.drift().drifted();
        }
        return py::make_tuple(p, alarm, drifted);
    }

    void gap() { decision_.gap(); }
    void calibrated(float threshold) { decision_.calibrated(threshold); }
    void restart() { decision_.restart(); }
    std::uint32_t low() const { return decision_.drift().low(); }
    bool measured() const { return decision_.drift().is_measured(); }

  private:
    std::vector<CalibrationPoint> points_;
    vigil::Decision<DecisionSettings> decision_;
};

}  // namespace

void bind_decision(py::module_& module) {
    py::class_<WindowDecision>(module, "Decision",
                               "P-value, alarm and drift of scores in time order (docs/bundle.md, "
                               "Decision).")
        .def(py::init<const std::vector<std::pair<float, std::uint32_t>>&, std::uint32_t,
                      const std::string&, int, float, float, std::uint32_t, std::uint32_t, float>(),
             "points"_a, "scores"_a, "kind"_a, "windows"_a, "raise_level"_a, "clear_level"_a,
             "block"_a, "limit"_a, "threshold"_a = 1.0F)
        .def("push", &WindowDecision::push, "scores"_a, "threshold"_a,
             "float32 [n] of judged windows without a gap, to p-values (float32 [n]), whether the "
             "alarm is on, and whether the signal has drifted (bool [n]) after each.")
        .def("configure", &WindowDecision::configure, "kind"_a, "windows"_a, "raise_level"_a,
             "clear_level"_a, "Set another alarm; False, and no change, if it is not possible.")
        .def("calibrated", &WindowDecision::calibrated, "threshold"_a,
             "Another calibration chose this threshold.")
        .def("gap", &WindowDecision::gap, "Windows are missing before the next one.")
        .def("restart", &WindowDecision::restart, "Another stream begins.")
        .def_property_readonly("low", &WindowDecision::low,
                               "Windows with a p-value of 0.1 or less in the drift's blocks.")
        .def_property_readonly("measured", &WindowDecision::measured,
                               "Whether the drift has all its blocks.");
}

}  // namespace vigil::native
