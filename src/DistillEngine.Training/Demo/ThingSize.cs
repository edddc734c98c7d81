namespace DistillEngine.Training.Demo;

/// <summary>How big a thing is, in everyday terms. Only things of different classes are compared.</summary>
public enum ThingSize
{
    /// <summary>Lies on a fingertip.</summary>
    Tiny,

    /// <summary>Lies in a hand.</summary>
    Small,

    /// <summary>Carried with both hands.</summary>
    Medium,

    /// <summary>As big as a person, or as a car.</summary>
    Large,

    /// <summary>As big as a house, or bigger.</summary>
    Huge,
}
