namespace DistillEngine.Verification;

/// <summary>One comparison of the engine with a recorded value.</summary>
/// <param name="Case">Folder of the case within its golden folder, such as <c>models/t5-v1_0</c>.</param>
/// <param name="Check">What was compared.</param>
/// <param name="Worst">Tensor, element or text that agrees least, or the first that differs; null where everything is equal.</param>
/// <param name="Error">Its error, measured as <paramref name="Allowed"/> is; for what must be equal, how many differ. Null where there is
/// no finite number.</param>
/// <param name="Allowed">The greatest error that passes.</param>
/// <param name="Pass">Null where nothing was compared; the reason says why.</param>
/// <param name="Reason">Why a check was left out, or what kept it from running.</param>
public sealed record CheckResult(string Case, string Check, string? Worst, double? Error, double? Allowed, bool? Pass, string? Reason);
