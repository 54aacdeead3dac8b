// Python's view of the calibration.
#include "calibration.h"

#include <algorithm>

#include "arrays.h"

namespace vigil::native {
namespace {

class Calibration {
  public:
    Calibration(std::uint32_t windows, std::uint32_t rate, std::uint32_t tolerated) {
        require(calibration_.start({windows, rate, tolerated}),
                "1 to 4000 windows, a rate in millionths below 1, a tolerated share below 1/2, and "
                "no more than " +
                    std::to_string(vigil::Calibration::kKept) + " scores to keep");
        calibration_.keep_most();
    }

    void push(const py::array& scores) {
        const Floats values = exactly<float>(scores, "scores", "float32");
        require(values.ndim() == 1, "scores must have the shape [n]");
        require(values.size() <= calibration_.plan().windows - calibration_.taken(),
                "more scores than windows");
        for (py::ssize_t i = 0; i < values.size(); ++i) calibration_.push(values.data()[i]);
    }

    std::uint32_t taken() const { return calibration_.taken(); }
    bool is_complete() const { return calibration_.is_complete(); }
    std::uint32_t set_aside() const {
        require(is_complete(), "the calibration is not complete");
        return calibration_.result().set_aside;
    }
    float threshold() const {
        require(is_complete(), "the calibration is not complete");
        return calibration_.result().threshold;
    }

    Floats largest() const {
        const vigil::Span<const float> all = calibration_.largest();
        const std::size_t aside = set_aside();
        const std::size_t most = all.size() - aside;
        const std::size_t n = std::min(most, vigil::Calibration::kLargest);
        Floats values(static_cast<py::ssize_t>(n));
        std::copy_n(all.data() + aside, n, values.mutable_data());
        return values;
    }

  private:
    vigil::Calibration calibration_;
};

}  // namespace

void bind_calibration(py::module_& module) {
    py::class_<Calibration>(module, "Calibration",
                            "A threshold from n scores in constant memory (docs/bundle.md, "
                            "Calibration); rate and tolerated share in millionths.")
        .def(py::init<std::uint32_t, std::uint32_t, std::uint32_t>(), "windows"_a, "rate"_a,
             "tolerated"_a)
        .def("push", &Calibration::push, "scores"_a, "Take float32 [n], at most what is left.")
        .def_property_readonly("taken", &Calibration::taken)
        .def_property_readonly("is_complete", &Calibration::is_complete)
        .def_property_readonly("set_aside", &Calibration::set_aside,
                               "Scores set aside as abnormal.")
        .def_property_readonly("threshold", &Calibration::threshold)
        .def_property_readonly("largest", &Calibration::largest,
                               "The largest scores that were not set aside, float32 [k], "
                               "descending.");
}

}  // namespace vigil::native
