// SPDX-License-Identifier: Apache-2.0
// The files of this folder and the chart library, as the build puts them into the program.
#pragma once

namespace cesasim::study {

extern const char* const kReportTemplate;
extern const char* const kReportStyle;
extern const char* const kReportScript;
extern const char* const kChartLibrary;
extern const char* const kChartLicense;

}  // namespace cesasim::study
