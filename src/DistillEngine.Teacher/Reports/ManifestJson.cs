using System.Text.Json.Serialization;

namespace DistillEngine.Teacher.Reports;

/// <summary>Generated readers and writers, so that nothing is found out by reflection.</summary>
[JsonSerializable(typeof(RunManifest))]
[JsonSerializable(typeof(ManifestResults))]
sealed partial class ManifestJson : JsonSerializerContext;
