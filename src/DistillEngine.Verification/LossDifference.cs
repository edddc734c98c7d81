namespace DistillEngine.Verification;

/// <summary>How far the losses of a training run lie from recorded ones.</summary>
/// <param name="Case">Folder of the case within its golden folder, such as <c>models/t5-v1_0</c>.</param>
/// <param name="Run">One of the case's runs.</param>
/// <param name="Error">The greatest |got − recorded| / |recorded| of any step.</param>
/// <param name="Where">Its step, and which of the step's losses it is where several were compared.</param>
public sealed record LossDifference(string Case, string Run, double Error, string Where);
