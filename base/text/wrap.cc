// SPDX-License-Identifier: Apache-2.0
#include "base/text/wrap.h"

#include <algorithm>

namespace cesasim {
namespace {

constexpr std::size_t kLeast = 20;  // columns of text beside an indent, however narrow the screen

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

}  // namespace

std::size_t text_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::vector<std::string> wrap_words(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t begin = text.find_first_not_of(' ', from);
    if (begin == std::string::npos) break;
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (line.empty()) {
      line = word;
    } else if (text_width(line) + (begin - from) + text_width(word) <= width) {
      line += text.substr(from, begin - from) + word;  // the spaces as they are
    } else {
      lines.push_back(line);
      line = word;
    }
    from = end;
  }
  if (!line.empty() || lines.empty()) lines.push_back(line);
  return lines;
}

std::string fold_lines(const std::string& text, std::size_t width, std::size_t hang) {
  if (width == 0) return text;
  std::string out;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string line = text.substr(from, end - from);
    const std::string newline = end < text.size() ? "\n" : "";
    from = end + 1;
    const std::size_t indent = line.find_first_not_of(' ');
    if (indent == std::string::npos || text_width(line) <= width) {
      out += line + newline;
      continue;
    }
    // The first line is wider than the others by the hang.
    const std::string pad(indent, ' ');
    const std::string further(indent + hang, ' ');
    std::vector<std::string> first =
        wrap_words(line.substr(indent), std::max(width - std::min(width, indent), kLeast));
    out += pad + first.front();
    std::string rest;
    for (std::size_t i = 1; i < first.size(); ++i) rest += (i > 1 ? " " : "") + first[i];
    if (!rest.empty()) {
      const std::size_t room = std::max(width - std::min(width, further.size()), kLeast);
      for (const std::string& more : wrap_words(rest, room)) out += "\n" + further + more;
    }
    out += newline;
  }
  return out;
}

std::string name_and_text(const std::string& name, const std::string& text, std::size_t column,
                          std::size_t width) {
  if (text.empty()) return name + "\n";
  const std::size_t room =
      width == 0 ? std::string::npos : std::max(width - std::min(width, column), kLeast);
  std::string out = name;
  const std::string pad(column, ' ');
  if (text_width(name) + 2 > column) {
    out += width == 0 ? "  " : "\n" + pad;
  } else {
    out.append(column - text_width(name), ' ');
  }
  bool first = true;
  std::size_t from = 0;
  while (from <= text.size()) {  // lines of the text stay lines
    const std::size_t end = std::min(text.find('\n', from), text.size());
    for (const std::string& line : wrap_words(text.substr(from, end - from), room)) {
      out += (first ? "" : pad) + line + "\n";
      first = false;
    }
    from = end + 1;
  }
  return out;
}

std::string cut_to(const std::string& text, std::size_t width) {
  if (width == 0 || text_width(text) <= width) return text;
  const std::size_t keep = width > 3 ? width - 3 : width;
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size(); ++at) {
    if (begins_character(text[at]) && seen++ == keep) break;
  }
  return text.substr(0, at) + (width > 3 ? "..." : "");
}

}  // namespace cesasim
