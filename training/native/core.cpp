// The Python module of firmware/lib/signal: one file of bindings for each stage.
#include "arrays.h"

PYBIND11_MODULE(core, module) {
    module.doc() = "firmware/lib/signal: the signal chain, as the board runs it.";
    vigil::native::bind_beats(module);
    vigil::native::bind_filters(module);
    vigil::native::bind_quality_gate(module);
    vigil::native::bind_segmenter(module);
    vigil::native::bind_features(module);
    vigil::native::bind_scalers(module);
    vigil::native::bind_score(module);
    vigil::native::bind_calibration(module);
    vigil::native::bind_wearer(module);
    vigil::native::bind_decision(module);
}
