namespace DistillEngine.Training.Demo;

/// <summary>What a question asks for.</summary>
public enum QuestionKind
{
    /// <summary>Which of two things is larger.</summary>
    Larger,

    /// <summary>Whether two things are made of the same stuff.</summary>
    SameMaterial,

    /// <summary>Whether one looks for a thing in a place.</summary>
    Place,
}
