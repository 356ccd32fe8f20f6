// SPDX-License-Identifier: Apache-2.0
#include "study/report/page.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include "study/report/assets.h"

namespace cesasim::study {
namespace {

std::string html_escape(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// JSON for a <script> element: nothing in it can end the element or open a comment.
std::string script_json(const Json& data) {
  const std::string text = data.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string report_page(const Json& data) {
  const std::vector<std::pair<std::string, std::string>> parts = {
      // The title goes through JSON once so that bytes that are no UTF-8 are replaced as in the
      // data.
      {"{{title}}", html_escape(Json::parse(data.at("study").dump(-1, ' ', false,
                                                                  Json::error_handler_t::replace))
                                    .get<std::string>())},
      {"{{style}}", kReportStyle},
      {"{{chart_license}}", kChartLicense},
      {"{{chart}}", kChartLibrary},
      {"{{data}}", script_json(data)},
      {"{{script}}", kReportScript},
  };
  // One pass over the template, so that what is put in is never searched.
  const std::string page = kReportTemplate;
  std::string out;
  std::size_t from = 0;
  while (true) {
    const std::size_t at = page.find("{{", from);
    out += page.substr(from, at - from);
    if (at == std::string::npos) return out;
    const std::size_t end = page.find("}}", at);
    if (end == std::string::npos) throw std::logic_error("report template: {{ without }}");
    const std::string name = page.substr(at, end + 2 - at);
    bool known = false;
    for (const auto& [key, value] : parts) {
      if (key == name) {
        out += value;
        known = true;
      }
    }
    if (!known) throw std::logic_error("report template: unknown part " + name);
    from = end + 2;
  }
}

}  // namespace cesasim::study
