#include "labd/lab_config.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "lib/base/id.h"
#include "lib/base/text.h"

namespace proofline::lab {
namespace {

using base::ConfigRow;
using base::ConfigType;

absl::Status Wrong(const base::Config& config, std::string_view key, std::string_view what) {
  return absl::InvalidArgumentError(base::Concat(config.Where(key), ": ", what));
}

absl::StatusOr<std::string> ReadId(const base::Config& config, std::string_view what,
                                   std::set<std::string>& taken) {
  const std::string& id = config.GetString("id");
  if (!base::IsValidId(id)) {
    return Wrong(config, "id",
                 base::Concat("\"", id, "\" is no identifier of a ", what,
                              "; use a to z, 0 to 9 and -, at most 63 characters"));
  }
  if (!taken.insert(id).second) {
    return Wrong(config, "id", base::Concat("there are two ", what, "s called \"", id, "\""));
  }
  return id;
}

absl::StatusOr<PrinterConfig> ReadPrinter(const base::Config& config,
                                          std::set<std::string>& taken) {
  PrinterConfig printer;
  absl::StatusOr<std::string> id = ReadId(config, "printer", taken);
  if (!id.ok()) return id.status();
  printer.id = *std::move(id);
  printer.uri = config.GetString("uri");
  printer.folder = config.GetPath("folder");
  if (config.GetString("kind") == "file") {
    printer.kind = PrinterKind::kFile;
    if (printer.folder.empty()) {
      return Wrong(config, "folder",
                   base::Concat("printer \"", printer.id, "\" of kind \"file\" needs a folder"));
    }
    return printer;
  }
  if (!printer.uri.starts_with("ipp://") && !printer.uri.starts_with("ipps://")) {
    return Wrong(config, "uri",
                 base::Concat("printer \"", printer.id, "\" of kind \"ipp\" needs a uri like ",
                              "\"ipp://192.168.1.20/ipp/print\""));
  }
  return printer;
}

// Border and resolution, and what they leave of the paper.
absl::Status CheckPage(const base::Config& config, const Product& product) {
  const std::int64_t shorter = std::min(product.paper.width_um, product.paper.height_um);
  if (2 * product.border_um >= shorter) {
    return Wrong(config, "border",
                 base::Concat("the border of product \"", product.id, "\" leaves nothing of the ",
                              DescribePaper(product.paper), " paper"));
  }
  const absl::Status page = imaging::Validate(ToPrintSpec(product, std::nullopt));
  if (!page.ok()) {
    return Wrong(config, "ppi",
                 base::Concat("product \"", product.id, "\" cannot be rendered: ", page.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Product> ReadProduct(const base::Config& config, std::set<std::string>& taken,
                                    const std::set<std::string>& printers) {
  Product product;
  absl::StatusOr<std::string> id = ReadId(config, "product", taken);
  if (!id.ok()) return id.status();
  product.id = *std::move(id);
  product.name = config.GetString("name");
  const absl::StatusOr<PaperSize> paper = ParsePaper(config.GetString("paper"));
  if (!paper.ok()) return Wrong(config, "paper", base::ToStd(paper.status().message()));
  product.paper = *paper;
  const absl::StatusOr<std::int64_t> border = ParseLength(config.GetString("border"));
  if (!border.ok()) return Wrong(config, "border", base::ToStd(border.status().message()));
  product.border_um = *border;
  product.pixels_per_inch = static_cast<int>(config.GetInt("ppi"));
  product.fit = config.GetString("fit") == "fit" ? imaging::Fit::kFit : imaging::Fit::kFill;
  product.minimum_pixels_per_inch = static_cast<int>(config.GetInt("minimum_ppi"));
  product.low_resolution = config.GetString("low_resolution") == "refuse" ? LowResolution::kRefuse
                                                                          : LowResolution::kWarn;
  product.surface = config.GetString("surface");
  product.price = config.GetString("price");
  product.printers = config.GetStringList("printers");
  if (product.printers.empty()) {
    return Wrong(config, "printers",
                 base::Concat("product \"", product.id, "\" needs at least one printer"));
  }
  for (const std::string& printer : product.printers) {
    if (!printers.contains(printer)) {
      return Wrong(config, "printers",
                   base::Concat("product \"", product.id, "\" names the printer \"", printer,
                                "\", which is not there; add it as a [[printer]] or correct it"));
    }
  }
  if (absl::Status page = CheckPage(config, product); !page.ok()) return page;
  return product;
}

absl::Status ReadLists(const base::Config& config, LabConfig& lab) {
  std::set<std::string> studios;
  for (const base::Config& table : config.GetTables("studio")) {
    absl::StatusOr<std::string> id = ReadId(table, "studio", studios);
    if (!id.ok()) return id.status();
    lab.studios.push_back({*std::move(id), table.GetPath("key_file")});
  }
  std::set<std::string> printers;
  for (const base::Config& table : config.GetTables("printer")) {
    absl::StatusOr<PrinterConfig> printer = ReadPrinter(table, printers);
    if (!printer.ok()) return printer.status();
    lab.printers.push_back(*std::move(printer));
  }
  std::set<std::string> products;
  for (const base::Config& table : config.GetTables("product")) {
    absl::StatusOr<Product> product = ReadProduct(table, products, printers);
    if (!product.ok()) return product.status();
    lab.products.emplace(product->id, *product);
  }
  return absl::OkStatus();
}

absl::StatusOr<LabConfig> Read(const base::Config& config) {
  LabConfig lab;
  lab.state = config.GetPath("state");
  lab.log_level = config.GetString("log.level");
  lab.lab_id = config.GetString("lab.id");
  if (!base::IsValidId(lab.lab_id)) {
    return Wrong(config, "lab.id",
                 base::Concat("\"", lab.lab_id, "\" is no identifier of a lab; use a to z, 0 to 9 ",
                              "and -, at most 63 characters"));
  }
  lab.lab_name = config.GetString("lab.name");
  if (lab.lab_name.empty()) lab.lab_name = lab.lab_id;
  lab.intake_address = config.GetString("intake.address");
  absl::StatusOr<rpc::ServingConfig> serving = rpc::ReadServing(config, {"intake.address"});
  if (!serving.ok()) return serving.status();
  lab.serving = *std::move(serving);
  lab.max_original = config.GetSize("limits.max_original");
  lab.spool_limit = config.GetSize("limits.spool");
  lab.spool_keep = config.GetDuration("spool.keep");
  lab.jobs_keep = config.GetDuration("jobs.keep");
  lab.imaging_worker = config.GetPath("imaging.worker");
  lab.imaging_workers = static_cast<int>(config.GetInt("imaging.workers"));
  lab.imaging_memory = config.GetSize("imaging.memory");
  lab.imaging_time_limit = config.GetDuration("imaging.time_limit");
  lab.imaging_max_pixels =
      static_cast<std::uint64_t>(config.GetInt("imaging.max_megapixels")) * 1'000'000;
  lab.metrics_address = config.GetString("metrics.address");
  if (absl::Status lists = ReadLists(config, lab); !lists.ok()) return lists;
  return lab;
}

std::vector<ConfigRow> Rows() {
  std::vector<ConfigRow> rows{
      {"state", ConfigType::kPath, base::kRequired, "",
       "Folder for the store, the spool and the control socket."},
      {"log.level", ConfigType::kString, "info", "trace|debug|info|warn|error",
       "How much is logged."},
      {"lab.id", ConfigType::kString, base::kRequired, "", "The lab's identifier."},
      {"lab.name", ConfigType::kString, "", "", "What people call the lab; its id if empty."},
      {"intake.address", ConfigType::kString, "127.0.0.1:7430", "",
       "Where studios bring their jobs."},
      {"limits.max_original", ConfigType::kSize, "2GiB", "1MiB..",
       "Largest original that is taken."},
      {"limits.spool", ConfigType::kSize, "100GiB", "1MiB..",
       "Most that originals and pages may take."},
      {"spool.keep", ConfigType::kDuration, "168h", "0s..",
       "How long originals and pages stay after their job is over, for reprints."},
      {"jobs.keep", ConfigType::kDuration, "30d", "1h..",
       "How long finished jobs are kept, at least; their studio has to know that they are."},
      {"imaging.worker", ConfigType::kPath, "", "", "The image worker; empty: beside the program."},
      {"imaging.workers", ConfigType::kInt, "0", "0..256",
       "Pictures rendered at once; 0: one per core."},
      {"imaging.memory", ConfigType::kSize, "4GiB", "256MiB..",
       "Address space of one image worker."},
      {"imaging.time_limit", ConfigType::kDuration, "60s", "1s..1h",
       "Longest time for one picture."},
      {"imaging.max_megapixels", ConfigType::kInt, "400", "1..10000",
       "Largest picture that is opened."},
      {"metrics.address", ConfigType::kString, "", "",
       "Where Prometheus finds metrics; empty: nowhere."},
  };
  std::ranges::move(rpc::ServingRows(), std::back_inserter(rows));
  return rows;
}

std::vector<base::ConfigArray> Arrays() {
  return {
      {"studio",
       "A studio that may bring jobs.",
       {{"id", ConfigType::kString, base::kRequired, "", "The studio's identifier."},
        {"key_file", ConfigType::kPath, base::kRequired, "", "File that holds the studio's key."}}},
      {"printer",
       "A way pages leave the lab.",
       {{"id", ConfigType::kString, base::kRequired, "", "The printer's identifier."},
        {"kind", ConfigType::kString, "ipp", "ipp|file", "How it is driven."},
        {"uri", ConfigType::kString, "", "", "Its IPP address, for kind ipp."},
        {"folder", ConfigType::kPath, "", "", "Where pages are written, for kind file."},
        {"format", ConfigType::kString, "jpeg", "jpeg", "What is written, for kind file."}}},
      {"product",
       "Something the lab can make.",
       {{"id", ConfigType::kString, base::kRequired, "", "The product's identifier."},
        {"name", ConfigType::kString, base::kRequired, "", "What people call it."},
        {"paper", ConfigType::kString, base::kRequired, "",
         "Sheet as it is fed, width first: 4x6in, 10x15cm, 102x152mm."},
        {"border", ConfigType::kString, "0mm", "", "White border on every side."},
        {"ppi", ConfigType::kInt, "300", "72..1200", "Pixels per inch of the print."},
        {"fit", ConfigType::kString, "fill", "fill|fit",
         "Whether the picture covers the paper or is whole."},
        {"minimum_ppi", ConfigType::kInt, "0", "0..1200",
         "Fewest pixels per inch of the picture; 0 takes all."},
        {"low_resolution", ConfigType::kString, "warn", "warn|refuse", "What happens below that."},
        {"surface", ConfigType::kString, "", "", "Surface of the paper, e.g. glossy."},
        {"price", ConfigType::kString, "", "", "Price, for display."},
        {"printers", ConfigType::kStringList, "", "", "Printers that can make it."}}},
  };
}

}  // namespace

const base::ConfigTable& LabConfigTable() {
  static const base::ConfigTable table{Rows(), Arrays()};
  return table;
}

absl::StatusOr<LabConfig> ReadLabConfig(const std::filesystem::path& path) {
  const absl::StatusOr<base::Config> config = base::LoadConfig(path, LabConfigTable());
  if (!config.ok()) return config.status();
  return Read(*config);
}

absl::StatusOr<LabConfig> ParseLabConfig(std::string_view text, const std::filesystem::path& path) {
  const absl::StatusOr<base::Config> config = base::ParseConfig(text, path, LabConfigTable());
  if (!config.ok()) return config.status();
  return Read(*config);
}

}  // namespace proofline::lab
